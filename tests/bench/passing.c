/* SPDX-License-Identifier: MIT */
/* Lines in which two or more take turns: a byte goes there and back, by pipe or socket, or a word changes under a futex. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define SWITCHERS 8
#define FUTEX_WAIT_PRIVATE 128 /* of <linux/futex.h>, which musl's compiler does not see */
#define FUTEX_WAKE_PRIVATE 129

/* Send back each byte that comes, until the other end closes. */
static _Noreturn void echo_bytes(int from, int to)
{
	char byte;
	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
	}
	_exit(0);
}

static void ping_pong(long ops, int to, int from)
{
	char byte = 'x';
	for (long i = 0; i < ops; i++) {
		if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) {
			die("ping-pong");
		}
	}
}

static void pipe_ping_pong(long ops)
{
	int there[2], back[2];
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
	ping_pong(ops, there[1], back[0]);
	close(there[1]);
	wait_for(pid);
	close(back[0]);
}

static void socket_ping_pong(long ops)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
		die("socketpair");
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		echo_bytes(ends[1], ends[1]);
	}
	close(ends[1]);
	ping_pong(ops, ends[0], ends[0]);
	close(ends[0]);
	wait_for(pid);
}

static struct {
	int turn; /* 0: the first's, 1: the second's */
	long ops;
} futex;

/* Wait until the word is `mine`, then hand it over. */
static void futex_turns(int mine)
{
	for (long i = 0; i < futex.ops; i++) {
		while (__atomic_load_n(&futex.turn, __ATOMIC_ACQUIRE) != mine) {
			syscall(SYS_futex, &futex.turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
		}
		__atomic_store_n(&futex.turn, !mine, __ATOMIC_RELEASE);
		syscall(SYS_futex, &futex.turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void *futex_second(void *unused)
{
	futex_turns(1);
	return unused;
}

/* Two threads, one futex: an operation is there and back. */
static void futex_ping_pong(long ops)
{
	pthread_t second;
	futex.turn = 0;
	futex.ops = ops;
	if (pthread_create(&second, NULL, futex_second, NULL) != 0) {
		die("thread");
	}
	futex_turns(0);
	pthread_join(second, NULL);
}

/* Pass on what comes on `from`, `ops` bytes of it. */
static void pass_on(long ops, int from, int to)
{
	char byte;
	for (long i = 0; i < ops; i++) {
		if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1) {
			_exit(1);
		}
	}
	_exit(0);
}

/* A byte goes round a ring of processes, each of them woken in its turn; an operation is one of these switches. */
static void switch_among_8(long ops)
{
	int pipes[SWITCHERS][2];
	pid_t children[SWITCHERS];
	char byte = 'x';
	long rounds = ops / SWITCHERS > 0 ? ops / SWITCHERS : 1;
	for (int i = 0; i < SWITCHERS; i++) {
		if (pipe(pipes[i]) != 0) {
			die("pipe");
		}
	}
	for (int i = 1; i < SWITCHERS; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			pass_on(rounds, pipes[i][0], pipes[(i + 1) % SWITCHERS][1]);
		}
	}
	for (long i = 0; i < rounds; i++) {
		if (write(pipes[1][1], &byte, 1) != 1 || read(pipes[0][0], &byte, 1) != 1) {
			die("ring");
		}
	}
	for (int i = 0; i < SWITCHERS; i++) {
		if (i > 0) {
			wait_for(children[i]);
		}
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

const struct line passing_lines[] = {
	{ "pipe-ping-pong", 5000, pipe_ping_pong },
	{ "socket-ping-pong", 4000, socket_ping_pong },
	{ "futex-ping-pong", 10000, futex_ping_pong },
	{ "switch-among-8", 16000, switch_among_8 },
	{ 0 },
};
