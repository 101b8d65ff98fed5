/* SPDX-License-Identifier: MIT */
/*
 * Programs that try the system-call interface, built static with musl. They print `ok NAME` or `not ok NAME: why` a line and exit with
 * the number of failures; Linux and the guest kernel must print the same.
 */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include <errno.h>
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

#endif
