/*
 * syscall.S - syscall() as a tail jump
 *
 * A wrapper in C around SYS_vfork would return through a frame that the
 * child has overwritten.  Numbers that have a hook go to syscall_hooked,
 * with the registers as they are; all others to libc's syscall.  clone is
 * one of them only where it is a fork: the child has memory of its own, and
 * this stack.
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
	movzbl	(%rax,%rdi), %eax
	testl	%eax, %eax
	je	2f
	cmpl	$2, %eax		/* clone(flags, stack, ...) */
	je	4f
	cmpl	$3, %eax		/* clone3(args, size) */
	jne	syscall_hooked
	cmpq	$64, %rdx		/* CLONE_ARGS_SIZE_VER0 */
	jb	2f
	testq	%rsi, %rsi
	je	2f
	testl	$0x100, (%rsi)		/* CLONE_VM */
	jne	2f
	cmpq	$0, 40(%rsi)		/* stack */
	je	syscall_hooked
	jmp	2f
4:	testl	$0x100, %esi
	jne	2f
	testq	%rdx, %rdx
	je	syscall_hooked
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
