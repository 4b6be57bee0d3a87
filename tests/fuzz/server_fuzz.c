/* server_fuzz.c - any bytes as what a client sends to our server */
#include "stranger.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	stranger_run(data, size, SERVER);
	return 0;
}
