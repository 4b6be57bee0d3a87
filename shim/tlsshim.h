/*
 * tlsshim.h - what a program may ask about its own connections
 *
 * The functions are there only under tlsshim: declare them weak or look them
 * up by dlsym(RTLD_DEFAULT, ...); absent symbols mean "not preloaded".
 */
#ifndef TLSSHIM_H
#define TLSSHIM_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * 1 if the engine is loaded and a policy is in force, 0 if not (no TCP call
 * has been made yet, or none could be judged).  Any thread; signal-safe.
 */
int tlsshim_active(void);

#ifdef __cplusplus
}
#endif
#endif
