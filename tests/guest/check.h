/* SPDX-License-Identifier: MIT */
/*
 * Programs that try the system-call interface, built static with musl. They print `ok NAME` or `not ok NAME: why` a line and exit with
 * the number of failures; Linux and the guest kernel must print the same.
 */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int check_failures;
static const char *check_why;

/* Inside of a test: remember why and leave. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			check_why = #condition;                                                    \
			return;                                                                    \
		}                                                                                  \
	} while (0)

static inline void check_run(const char *name, void (*test)(void))
{
	check_why = NULL;
	test();
	if (check_why) {
		printf("not ok %s: %s (errno %d)\n", name, check_why, errno);
		check_failures++;
	} else {
		printf("ok %s\n", name);
	}
	fflush(stdout);
}
#define RUN(test) check_run(#test, test)

/* The letter of that process in /proc/PID/stat; 0: there is no such process. */
static inline char check_state(int pid)
{
	char path[32], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0) {
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end ? name_end[2] : 0;
}

/* Until that process waits for something, and has not only begun to, or has ended: it is a test's word for "by now it is there", at any speed. */
static inline void until_asleep(int pid)
{
	for (int asleep = 0; asleep < 3;) {
		char state = check_state(pid);
		asleep = !state || state == 'Z' ? 3 : state == 'S' ? asleep + 1 : 0;
		usleep(2000);
	}
}

/* A child that sends this process a signal each time that it sleeps, so many times; waitpid() is for the caller. */
static inline int signal_asleep(int signal, int times)
{
	int parent = getpid(), child = fork();
	if (child == 0) {
		for (int i = 0; i < times; i++) {
			until_asleep(parent);
			kill(parent, signal);
		}
		_exit(0);
	}
	return child;
}

#endif
