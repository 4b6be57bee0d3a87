/*
 * syscall.S - syscall() as a tail jump
 *
 * A wrapper in C around SYS_vfork would return through a frame that the
 * child has overwritten.  Numbers that have a hook go to syscall_hooked,
 * with the registers as they are; all others to libc's syscall.  clone is
 * one of them only where it is a fork: the child has memory of its own, and
 * this stack.  For any other child, and one of vfork, process.c's page is made.
 */
#ifndef __x86_64__
#error "syscall.S knows x86-64 only"
#endif

	/* All arguments are as they were behind it. */
	.macro	keeping	function
	.irp	reg, %rdi, %rsi, %rdx, %rcx, %r8, %r9
	pushq	\reg
	.cfi_adjust_cfa_offset 8
	.endr
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	\function
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	.irp	reg, %r9, %r8, %rcx, %rdx, %rsi, %rdi
	popq	\reg
	.cfi_adjust_cfa_offset -8
	.endr
	.endm

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	endbr64
	cmpb	$0, libc_ready(%rip)
	je	3f
1:	cmpq	$511, %rdi
	ja	2f
	leaq	syscall_table(%rip), %rax
	movzbl	(%rax,%rdi), %eax
	testl	%eax, %eax
	je	2f
	cmpl	$2, %eax		/* clone(flags, stack, ...) */
	je	4f
	jb	syscall_hooked
	cmpl	$3, %eax		/* clone3(args, size) */
	jne	5f			/* vfork() */
	cmpq	$64, %rdx		/* CLONE_ARGS_SIZE_VER0 */
	jb	5f
	testq	%rsi, %rsi
	je	5f
	testl	$0x100, (%rsi)		/* CLONE_VM */
	jne	5f
	cmpq	$0, 40(%rsi)		/* stack */
	je	syscall_hooked
	jmp	5f
4:	testl	$0x100, %esi
	jne	5f
	testq	%rdx, %rdx
	je	syscall_hooked
	jmp	5f
2:	movq	syscall_libc(%rip), %rax
	movq	(%rax), %rax
	jmp	*%rax
3:	keeping	libc_init
	jmp	1b
5:	cmpq	$0, process_wiped(%rip)
	jne	2b
	keeping	process_dividing
	jmp	2b
	.cfi_endproc
	.size	syscall, .-syscall

	.section .note.GNU-stack,"",@progbits
