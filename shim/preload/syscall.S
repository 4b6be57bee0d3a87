/*
 * syscall.S - syscall() as a tail jump
 *
 * A wrapper in C around SYS_vfork would return through a frame that the
 * child has overwritten.  Numbers that have a hook go to syscall_hooked,
 * with the registers as they are; all others to libc's syscall.
 */
#ifndef __x86_64__
#error "syscall.S knows x86-64 only"
#endif

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
	cmpb	$0, (%rax,%rdi)
	jne	syscall_hooked
2:	movq	syscall_libc(%rip), %rax
	movq	(%rax), %rax
	jmp	*%rax
3:	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	libc_init
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	1b
	.cfi_endproc
	.size	syscall, .-syscall

	.section .note.GNU-stack,"",@progbits
