/* SPDX-License-Identifier: MIT */
/* See cpio.h. Header and name together, and the bytes alone, are padded to four. */
#include "cpio.h"

#include <string.h>

#define HEADER_BYTES 110

static void pad(FILE *archive, size_t written)
{
	static const char zeroes[4];
	fwrite(zeroes, 1, -written & 3, archive);
}

static void put(FILE *archive, const char *name, unsigned mode, unsigned links, const void *bytes, size_t size)
{
	static unsigned inode;
	size_t length = strlen(name) + 1;
	fprintf(archive, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", ++inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, length, 0);
	fwrite(name, 1, length, archive);
	pad(archive, HEADER_BYTES + length);
	if (size) {
		fwrite(bytes, 1, size, archive);
	}
	pad(archive, size);
}

void cpio_put(FILE *archive, const char *name, unsigned mode, const void *bytes, size_t size)
{
	put(archive, name, mode, 1, bytes, size);
}

void cpio_end(FILE *archive)
{
	put(archive, "TRAILER!!!", 0, 1, NULL, 0);
}
