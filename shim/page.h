/*
 * page.h - the one page that a confined program may open TCP sockets from
 *
 * `tlsshim run --confine` sets a seccomp filter that refuses a TCP socket
 * unless the system call comes from here; every image of tlsshim.so puts the
 * call here when it is first refused.  The address is free in every layout
 * that Linux gives a program on x86-64: below what is not position
 * independent (0x400000), above vm.mmap_min_addr, in the part that the
 * sanitizers leave to the program.
 */
#ifndef SHIM_PAGE_H
#define SHIM_PAGE_H

#define PAGE_ADDRESS 0x1f0000ul
#define PAGE_LENGTH 4096ul

#endif
