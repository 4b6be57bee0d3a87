/* confine.c - a seccomp filter: TCP sockets from one page alone */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../shim/page.h"
#include "tools.h"

#define X32_BIT 0x40000000u /* __X32_SYSCALL_BIT of asm/unistd.h */
#define TYPE_MASK 0xfu      /* SOCK_TYPE_MASK of linux/net.h */

#define AT(field) (unsigned)offsetof(struct seccomp_data, field)
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define REFUSE(err) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define PASS BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define MASK(bits) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits)
/* skip `yes` instructions if it is so, else `no` */
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define HAS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no)

/*
 * seccomp(2): registers, no memory, so a connect cannot be told by its
 * family, and connect and accept pass.  Arguments are 64 bits wide; what
 * socket(2) reads are the low 32, on a little-endian machine the first.
 */
static struct sock_filter filter[] = {
    LOAD(AT(arch)),
    IS(AUDIT_ARCH_X86_64, 1, 0),
    REFUSE(ENOSYS), /* int $0x80 and 32-bit programs */
    LOAD(AT(nr)),
    HAS(X32_BIT, 0, 1),
    REFUSE(ENOSYS),
    IS(SYS_io_uring_setup, 0, 1),
    REFUSE(ENOSYS),
    IS(SYS_ptrace, 0, 1),
    REFUSE(EPERM),
    IS(SYS_socket, 1, 0),
    PASS,
    LOAD(AT(args[0])),
    IS(AF_INET, 3, 0),
    IS(AF_INET6, 2, 0),
    IS(AF_SMC, 1, 0), /* falls back to TCP */
    PASS,
    LOAD(AT(args[1])),
    MASK(TYPE_MASK),
    IS(SOCK_STREAM, 1, 0),
    PASS,
    LOAD(AT(instruction_pointer) + 4),
    IS(0, 1, 0),
    REFUSE(EACCES),
    LOAD(AT(instruction_pointer)),
    MASK(~(unsigned)(PAGE_LENGTH - 1)),
    IS((unsigned)PAGE_ADDRESS, 1, 0),
    REFUSE(EACCES),
    PASS,
};

int
confine(void)
{
	struct sock_fprog program = {
	    sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
