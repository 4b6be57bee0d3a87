/* look.c - the floor of what TLS costs a thread: aead.h */
#define LOOKS
#include "aead.h"
