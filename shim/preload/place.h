/*
 * place.h - where code and variables of tlsshim.so lie
 *
 * Every page that a start touches costs it a fault, and these are most of what
 * it costs at all.  So what runs at a start is in one piece (FIRST), what it
 * reads is beside it (FIRST_DATA), and what it writes is on the page that ld.so
 * has written already.  APART is for what is large or rarely needed, behind all
 * of that; owned_table comes last before it (Makefile), so that its first
 * entries are on that page too.
 */
#ifndef PLACE_H
#define PLACE_H

#define FIRST __attribute__((section(".text.startup")))
#define FIRST_DATA __attribute__((section(".text.startup.data")))
#define APART __attribute__((section(".lbss.apart")))

#endif
