/*
 * vfork.S - vfork() as a tail jump
 *
 * It returns twice into the caller's frame, the first time in a child that
 * shares it: a frame of ours would be overwritten by then.  So that the child
 * is told from its parent there is the page of process.c before.
 */
#ifndef __x86_64__
#error "vfork.S knows x86-64 only"
#endif

	.text
	.globl	vfork
	.type	vfork, @function
vfork:
	.cfi_startproc
	endbr64
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	process_dividing
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	movq	vfork_libc(%rip), %rax
	jmp	*(%rax)
	.cfi_endproc
	.size	vfork, .-vfork

	.section .note.GNU-stack,"",@progbits
