/* client_fuzz.c - any bytes as what a server sends to our client */
#include "stranger.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	stranger_run(data, size, CLIENT);
	return 0;
}
