/* SPDX-License-Identifier: MIT */
/* A file whose bytes are known, and where what comes of it is read to. */
#ifndef TESTS_GUEST_SOURCE_H
#define TESTS_GUEST_SOURCE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_BYTES 1000001
#define PAGE 4096

static unsigned char content[FILE_BYTES], got[FILE_BYTES + PAGE];
static int file;

/* False: there is no such file. */
static inline bool source_make(const char *name)
{
	unsigned seed = 1;
	file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (size_t i = 0; i < FILE_BYTES; i++) {
		seed = seed * 1103515245 + 12345;
		content[i] = (unsigned char)(seed >> 16);
	}
	return pwrite(file, content, FILE_BYTES, 0) == FILE_BYTES;
}

/* Into `got`; how many came before the end. */
static inline size_t read_all(int fd, size_t bytes)
{
	size_t have = 0;
	for (ssize_t n; have < bytes && (n = read(fd, got + have, bytes - have)) > 0;) {
		have += (size_t)n;
	}
	return have;
}

#endif
