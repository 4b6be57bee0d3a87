/* aead.c - records for a program with one thread: aead.h */
#include "aead.h"
