/*
 * replay.c - runs a fuzzer over files and the files of folders, without
 * libFuzzer; prints how many there were
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

static unsigned
file_replay(const char *path)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (in == NULL || fseek(in, 0, SEEK_END) != 0 ||
	    (size = ftell(in)) < 0) {
		perror(path);
		exit(2);
	}
	rewind(in);
	/* to the byte, so that a sanitizer sees what reads on */
	data = malloc(size > 0 ? (size_t)size : 1);
	if (data == NULL || fread(data, 1, (size_t)size, in) != (size_t)size)
		exit(2);
	fclose(in);
	/* the last line tells which input it was that ended the program */
	fprintf(stderr, "%s\n", path);
	(void)LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 1;
}

static unsigned
replay(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	unsigned n = 0;
	char *name;

	if (dir == NULL && errno == ENOTDIR)
		return file_replay(path);
	if (dir == NULL) {
		perror(path);
		exit(2);
	}
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		if (asprintf(&name, "%s/%s", path, d->d_name) == -1)
			exit(2);
		n += replay(name);
		free(name);
	}
	closedir(dir);
	return n;
}

int
main(int argc, char **argv)
{
	unsigned n = 0;
	int i;

	for (i = 1; i < argc; i++)
		n += replay(argv[i]);
	printf("%u inputs\n", n);
	return n == 0;
}
