/* SPDX-License-Identifier: MIT */
/*
 * The benchmark that runs in the guest: `bench FILE SCALE [NAME]`, NAME to run only one of them.
 * Each line of output is "bench NAME ops=N ns=N [exits=N exits.DOMAIN=N ...]".
 * FILE is 96 MiB, freshly booted and never read before. Each block of it is read at most once, random blocks in an order that no
 * read-ahead guesses, so every read of a file goes to the disk with no help from any cache control:
 * [0, 32) MiB random at depth 1, [32, 64) random at depth 32, [64, 96) in order.
 * SCALE divides the numbers of operations.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MIB (1l << 20)
#define BLOCK 4096l
#define DEPTH 32
#define REGION_BLOCKS (32 * MIB / BLOCK) /* a power of two */
#define STRIDE 4099 /* odd, so multiples of it visit every block of a region once */

static const char *file_name, *own_name, *only;
static long scale;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000000ul + (unsigned long)now.tv_nsec;
}

/* Each benchmark does `ops` operations and is timed as a whole. */
static void measure(const char *name, long ops, void (*run)(long ops))
{
	struct exits before, after;
	if (only && strcmp(only, name) != 0) {
		return;
	}
	ops = ops / scale > 0 ? ops / scale : 1;
	exits_read(&before);
	unsigned long begin = now_ns();
	run(ops);
	unsigned long ns = now_ns() - begin;
	exits_read(&after);
	printf("bench %s ops=%ld ns=%lu", name, ops, ns);
	exits_print(&before, &after);
	printf("\n");
	fflush(stdout);
}

static void null_syscall(long ops)
{
	for (long i = 0; i < ops; i++) {
		syscall(SYS_getppid);
	}
}

static void wait_for(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		die("wait");
	}
}

static void echo_bytes(int from, int to)
{
	char byte;
	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
	}
	_exit(0);
}

static void pipe_ping_pong(long ops)
{
	int there[2], back[2];
	char byte = 'x';
	if (pipe(there) != 0 || pipe(back) != 0) {
		die("pipe");
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(there[1]);
		close(back[0]);
		echo_bytes(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	for (long i = 0; i < ops; i++) {
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) {
			die("ping-pong");
		}
	}
	close(there[1]);
	wait_for(pid);
	close(back[0]);
}

static void fork_wait(long ops)
{
	for (long i = 0; i < ops; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			_exit(0);
		}
		wait_for(pid);
	}
}

static void fork_exec_wait(long ops)
{
	for (long i = 0; i < ops; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			execl(own_name, own_name, "exit", (char *)NULL);
			_exit(1);
		}
		wait_for(pid);
	}
}

/* One operation is the first touch of one page. */
static void page_fault(long ops)
{
	const long pages = 1024;
	for (long done = 0; done < ops; done += pages) {
		char *memory = mmap(NULL, (size_t)(pages * BLOCK), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED) {
			die("mmap");
		}
		for (long i = 0; i < pages && done + i < ops; i++) {
			*(volatile char *)(memory + i * BLOCK) = 1;
		}
		munmap(memory, (size_t)(pages * BLOCK));
	}
}

/* One operation is a thousand steps of a generator that only computes. */
static void cpu_bound(long ops)
{
	unsigned long x = 1;
	for (long i = 0; i < ops * 1000; i++) {
		x = x * 6364136223846793005ul + 1442695040888963407ul;
		__asm__ volatile("" : "+r"(x));
	}
}

static int file_open(void)
{
	int fd = open(file_name, O_RDONLY);
	if (fd < 0) {
		die(file_name);
	}
	return fd;
}

/* Read blocks first, first + step, ... of the region that starts at `region` bytes, `count` of them, in the scattered order. */
static void read_scattered(long region, long first, long step, long count)
{
	char block[BLOCK];
	int fd = file_open();
	for (long i = 0; i < count; i++) {
		long at = (first + i * step) * STRIDE % REGION_BLOCKS;
		if (pread(fd, block, BLOCK, region + at * BLOCK) != BLOCK) {
			die("random read");
		}
	}
	close(fd);
}

static void random_read_1(long ops)
{
	read_scattered(0, 0, 1, ops);
}

/* DEPTH processes read side by side; they start when the pipe that they wait on is closed. */
static void random_read_32(long ops)
{
	pid_t children[DEPTH];
	int gate[2];
	char byte;
	if (pipe(gate) != 0) {
		die("pipe");
	}
	for (long i = 0; i < DEPTH; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			close(gate[1]);
			if (read(gate[0], &byte, 1) != 0) {
				_exit(1);
			}
			read_scattered(32 * MIB, i, DEPTH, ops / DEPTH);
			_exit(0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (long i = 0; i < DEPTH; i++) {
		wait_for(children[i]);
	}
}

static void sequential_read(long ops)
{
	char *buffer = malloc(MIB);
	int fd = file_open();
	for (long i = 0; i < ops; i++) {
		if (!buffer || pread(fd, buffer, MIB, 64 * MIB + i * MIB) != MIB) {
			die("sequential read");
		}
	}
	close(fd);
	free(buffer);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "exit") == 0) {
		return 0;
	}
	if (argc < 3 || argc > 4 || (scale = atol(argv[2])) < 1) {
		fprintf(stderr, "usage: bench FILE SCALE [NAME]\n");
		return 2;
	}
	only = argv[3];
	own_name = argv[0];
	file_name = argv[1];
	measure("null-syscall", 200000, null_syscall);
	measure("pipe-ping-pong", 5000, pipe_ping_pong);
	measure("fork-wait", 200, fork_wait);
	measure("fork-exec-wait", 100, fork_exec_wait);
	measure("page-fault", 20480, page_fault);
	measure("cpu-bound", 100000, cpu_bound);
	measure("random-read-4k-depth-1", 2048, random_read_1);
	measure("random-read-4k-depth-32", 4096, random_read_32);
	measure("sequential-read-1m", 32, sequential_read);
	return 0;
}
