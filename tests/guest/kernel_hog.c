/* SPDX-License-Identifier: MIT */
/*
 * Takes memory that is not its own address space's, without end: kernel_hog pipes|sockets|files|tables|threads|areas|processes|shared|sets.
 * Somebody has to find out who it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static char block[64 * 1024];

static int fill(int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, block, sizeof(block)) > 0) {
	}
	return errno == EAGAIN ? 0 : -1;
}

static int pipes(void)
{
	int ends[2];
	return pipe(ends) ? -1 : fill(ends[1]);
}

static int sockets(void)
{
	int ends[2];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ? -1 : fill(ends[0]);
}

/* A little in each of many files without a name. */
static int files(void)
{
	int fd = memfd_create("hog", 0);
	return fd < 0 || write(fd, block, 4096) != 4096 ? -1 : 0;
}

/* One page of zeros, read at many places. */
static int tables(void)
{
	const long step = 2 << 20, count = 1024;
	char *at = mmap(NULL, (size_t)(count * step), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	volatile char sum = 0;
	for (long i = 0; at != MAP_FAILED && i < count; i++) {
		sum = (char)(sum + at[i * step]);
	}
	return at == MAP_FAILED ? -1 : 0;
}

static _Noreturn void *sleeper(void *unused)
{
	for (;;) {
		pause();
	}
}

static int threads(void)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16 * 1024);
	errno = pthread_create(&thread, &attributes, sleeper, NULL);
	return errno ? -1 : 0;
}

/* Shared memory is there as long as one page of it is mapped. */
static int shared(void)
{
	const size_t size = 4 << 20;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		return -1;
	}
	memset(at, 1, size);
	return munmap(at + 4096, size - 4096);
}

/* Another set that watches all of them. */
static int sets(void)
{
	static int watched[1000];
	static bool filled;
	int set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	for (int i = 0; set >= 0 && i < 1000; i++) {
		if (!filled) {
			watched[i] = eventfd(0, 0);
		}
		if (epoll_ctl(set, EPOLL_CTL_ADD, watched[i], &event)) {
			return -1;
		}
	}
	filled = true;
	return set < 0 ? -1 : 0;
}

/* A fork bomb: it goes on where there may be no more. */
static int processes(void)
{
	static char memory[64 * 1024];
	if (fork() == 0) {
		memset(memory, 1, sizeof(memory));
	}
	return 0;
}

static int areas(void)
{
	static int writable;
	writable ^= PROT_WRITE;
	return mmap(NULL, 4096, PROT_READ | writable, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		int (*take)(void);
	} kinds[] = { { "pipes", pipes }, { "sockets", sockets }, { "files", files }, { "tables", tables }, { "threads", threads }, { "areas", areas },
		    { "processes", processes }, { "shared", shared }, { "sets", sets } };
	struct rlimit most = { 60000, 60000 };
	setrlimit(RLIMIT_NOFILE, &most);
	for (unsigned i = 0; count > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(arguments[1], kinds[i].name) != 0) {
			continue;
		}
		long rounds = 0;
		while (kinds[i].take() == 0) {
			rounds++;
		}
		perror(arguments[1]);
		fprintf(stderr, "%ld rounds\n", rounds);
		return 1;
	}
	return 0;
}
