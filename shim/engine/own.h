/*
 * own.h - is the other end of a connection in this process?
 *
 * Takes world; conns' locks are not needed.  Any thread.
 */
#ifndef ENGINE_OWN_H
#define ENGINE_OWN_H

#include "conn.h"

/* Is addr a governed listener of this process? */
bool own_listener(const struct sockaddr *addr);

#endif
