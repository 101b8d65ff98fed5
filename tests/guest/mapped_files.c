/* SPDX-License-Identifier: MIT */
/*
 * A file that is larger than the memory for files, mapped and touched as a whole, by two processes at once: it is read and written like one that fits,
 * and nobody is ended for it. mapped_files FILE MIB; without arguments a small one.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

#define PAGE 4096ul
#define WORD(at, i) (*(volatile unsigned long *)((at) + (i)*PAGE))

static unsigned long wrong(const char *at, unsigned long pages, unsigned long salt)
{
	unsigned long count = 0;
	for (unsigned long i = 0; i < pages; i++) {
		count += WORD(at, i) != (i ^ salt);
	}
	return count;
}

static unsigned long wrong_in_file(int fd, unsigned long pages, unsigned long salt)
{
	unsigned long count = 0, word;
	for (unsigned long i = 0; i < pages; i++) {
		count += pread(fd, &word, sizeof(word), (off_t)(i * PAGE)) != sizeof(word) || word != (i ^ salt);
	}
	return count;
}

/* One's own copies of some pages are nobody else's, and stay. */
static unsigned long wrong_in_copies(int fd, unsigned long pages)
{
	char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED) {
		return 1;
	}
	for (unsigned long i = 0; i < pages; i += 64) {
		WORD(at, i) = ~i;
	}
	unsigned long count = 0;
	for (unsigned long i = 0; i < pages; i++) {
		count += WORD(at, i) != (i % 64 ? i ^ 1 : ~i);
	}
	munmap(at, pages * PAGE);
	return count;
}

int main(int argc, char **argv)
{
	const char *path = argc > 2 ? argv[1] : "/tmp/mapped";
	unsigned long pages = argc > 2 ? strtoul(argv[2], NULL, 10) * 256 : 64;
	int status, fd = open(path, O_RDWR | O_CREAT, 0600);
	char *at;
	if (fd < 0 || ftruncate(fd, (off_t)(pages * PAGE)) ||
	    (at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
		printf("not ok: no file\n");
		return 1;
	}
	for (unsigned long i = 0; i < pages; i++) {
		WORD(at, i) = i ^ 1;
	}
	printf("written by a mapping: %lu wrong in it, %lu in the file\n", wrong(at, pages, 1), wrong_in_file(fd, pages, 1));
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		_exit(wrong_in_copies(fd, pages) || wrong(at, pages, 1));
	}
	printf("read by two: %lu wrong", wrong(at, pages, 1));
	waitpid(child, &status, 0);
	printf(", and by the other one %d\n", status);
	return close(fd) || unlink(path);
}
