/* SPDX-License-Identifier: MIT */
/*
 * real_time N: N processes that loop for ever with a real-time priority, each on a processor of its own, are ended by an ordinary one, that sleeps
 * and wakes ten times before; it says how. Without N, nothing.
 */
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static pid_t start(int processor)
{
	pid_t child = fork();
	if (child == 0) {
		const struct sched_param param = { .sched_priority = 50 };
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(processor, &set);
		if (sched_setaffinity(0, sizeof(set), &set) || syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param)) {
			_exit(1);
		}
		for (;;) {
		}
	}
	return child;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0, status;
	pid_t children[8];
	for (int i = 0; i < count && i < 8; i++) {
		children[i] = start(i);
	}
	for (int i = 0; count && i < 10; i++) {
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	}
	for (int i = 0; i < count; i++) {
		kill(children[i], SIGKILL);
		printf("ended by %d\n", waitpid(children[i], &status, 0) == children[i] && WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	return 0;
}
