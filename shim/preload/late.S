/*
 * late.S - libc's functions at their first call
 *
 * libc.c puts a stub into each slot that has not been asked for yet.  The stub
 * finds the function, writes it into the slot and jumps to it, with registers
 * and stack as its caller has left them: so it stands before a vfork, or a
 * function that looks at its caller (dlopen), as well.
 *
 * What imports.def names are hidden functions of ours, by which the linker
 * leaves no import for ld.so; each jumps through a slot of its own.
 */
#ifndef __x86_64__
#error "late.S knows x86-64 only"
#endif

	.section .text.startup, "ax", @progbits	/* place.h's FIRST */

/* The names, and where each begins. */
#define CALL(gate, ret, name, ...) row name
#define CALL_BY_HAND(ret, name, ...) row name
#define IMPORT(name) row name

	.macro	row name
	.pushsection .text.startup.at, "ax", @progbits
	.short	1f - late_names
	.popsection
1:	.asciz	"\name"
	.set	rows, rows + 1
	.endm

	.pushsection .text.startup.at, "ax", @progbits
	.globl	late_names_at
	.hidden	late_names_at
	.p2align 1
late_names_at:
	.popsection
	.globl	late_names
	.hidden	late_names
late_names:
	.set	rows, 0
#include "../calls.def"
	.set	calls, rows
#include "imports.def"

#undef IMPORT
#define IMPORT(name) import name

	.macro	import name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 3
\name:	endbr64
	jmp	*late_imports+8*(rows-calls)(%rip)
	.size	\name, .-\name
	.set	rows, rows + 1
	.endm
	.set	rows, calls
#include "imports.def"

	.pushsection .text.startup.at, "ax", @progbits
	.globl	late_rows
	.hidden	late_rows
late_rows: .short rows
	.popsection

	/* 16 bytes each: late_stub() of libc.c */
	.globl	late_stubs
	.hidden	late_stubs
	.p2align 4
	.cfi_startproc
late_stubs:
	.set	row, 0
	.rept	rows
	.cfi_def_cfa_offset 8
	endbr64
	pushq	$row
	.cfi_def_cfa_offset 16
	jmp	late
	.p2align 4
	.set	row, row + 1
	.endr
	.cfi_endproc

	.macro	keep	reg
	pushq	\reg
	.cfi_adjust_cfa_offset 8
	.endm
	.macro	give	reg
	popq	\reg
	.cfi_adjust_cfa_offset -8
	.endm

	/* rax too: how many vector registers a variadic function is given. */
	.p2align 4
	.type	late, @function
late:	.cfi_startproc
	.cfi_def_cfa_offset 16
	keep	%rax
	keep	%rdi
	keep	%rsi
	keep	%rdx
	keep	%rcx
	keep	%r8
	keep	%r9
	subq	$136, %rsp
	.cfi_adjust_cfa_offset 136
	movups	%xmm0, (%rsp)
	movups	%xmm1, 16(%rsp)
	movups	%xmm2, 32(%rsp)
	movups	%xmm3, 48(%rsp)
	movups	%xmm4, 64(%rsp)
	movups	%xmm5, 80(%rsp)
	movups	%xmm6, 96(%rsp)
	movups	%xmm7, 112(%rsp)
	movq	192(%rsp), %rdi
	call	libc_find
	movq	%rax, %r11
	movups	(%rsp), %xmm0
	movups	16(%rsp), %xmm1
	movups	32(%rsp), %xmm2
	movups	48(%rsp), %xmm3
	movups	64(%rsp), %xmm4
	movups	80(%rsp), %xmm5
	movups	96(%rsp), %xmm6
	movups	112(%rsp), %xmm7
	addq	$136, %rsp
	.cfi_adjust_cfa_offset -136
	give	%r9
	give	%r8
	give	%rcx
	give	%rdx
	give	%rsi
	give	%rdi
	give	%rax
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp	*%r11
	.cfi_endproc
	.size	late, .-late

	/* On the page that ld.so writes at a start anyway (place.h). */
	.data
	.globl	late_imports
	.hidden	late_imports
	.p2align 3
late_imports:
	.set	row, calls
	.rept	rows - calls
	.quad	late_stubs + 16 * row
	.set	row, row + 1
	.endr

	.section .note.GNU-stack,"",@progbits
