/* SPDX-License-Identifier: MIT */
/* Lines of one processor alone: the null call, a signal, and two that leave the kernel out, as a control. */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define COPY_BYTES (64l << 10)

static volatile sig_atomic_t signals;

static void null_syscall(long ops)
{
	for (long i = 0; i < ops; i++) {
		syscall(SYS_getppid);
	}
}

static void count_signal(int number)
{
	signals = signals + 1;
}

static void signal_prepare(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	if (sigaction(SIGUSR1, &action, NULL) != 0) {
		die("sigaction");
	}
}

/* One operation: a process sends itself a signal, its handler runs and returns. */
static void signal_delivery(long ops)
{
	pid_t self = getpid();
	signals = 0;
	for (long i = 0; i < ops; i++) {
		kill(self, SIGUSR1);
	}
	if (signals != ops) {
		die("signals were lost");
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

/* One operation copies COPY_BYTES that both fit the same few pages again and again. */
static void copy_bound(long ops)
{
	static char from[COPY_BYTES], to[COPY_BYTES];
	for (long i = 0; i < ops; i++) {
		memcpy(to, from, COPY_BYTES);
		__asm__ volatile("" : : "r"(to), "r"(from) : "memory");
	}
}

const struct line call_lines[] = {
	{ "null-syscall", 200000, null_syscall },
	{ "signal-delivery", 10000, signal_delivery, signal_prepare },
	{ "cpu-bound", 100000, cpu_bound },
	{ "copy-bound", 4000, copy_bound },
	{ 0 },
};
