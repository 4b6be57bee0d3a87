/* look.c - records for a program with threads: aead.h */
#define LOOKS
#include "aead.h"
