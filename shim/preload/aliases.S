/* aliases.S - the rows of aliases.def: each jumps to the hook it means */

#define ALIAS(name, of) \
	.globl name; .type name, @function; \
	name: .cfi_startproc; jmp of@PLT; .cfi_endproc; \
	.size name, . - name

	.text
#include "../aliases.def"

	.section .note.GNU-stack,"",@progbits
