/*
 * dlopen.S - dlopen() without RTLD_DEEPBIND, as a tail jump
 *
 * A library that is bound deeply finds libc before it finds us, and then
 * talks past every hook without a word.  The jump keeps the caller's return
 * address, by which libc looks up $ORIGIN and DT_RUNPATH of the caller.
 */
#ifndef __x86_64__
#error "dlopen.S knows x86-64 only"
#endif

#define RTLD_DEEPBIND 8

	.text
	.globl	dlopen
	.type	dlopen, @function
dlopen:
	.cfi_startproc
	endbr64
	cmpb	$0, libc_ready(%rip)
	je	2f
1:	andl	$~RTLD_DEEPBIND, %esi
	movq	dlopen_libc(%rip), %rax
	movq	(%rax), %rax
	jmp	*%rax
2:	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	libc_init
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	1b
	.cfi_endproc
	.size	dlopen, .-dlopen

	.section .note.GNU-stack,"",@progbits
