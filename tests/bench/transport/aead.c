/* aead.c - the floor of what TLS costs a program with one thread */
#include "aead.h"
