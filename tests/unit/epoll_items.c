/* SPDX-License-Identifier: MIT */
/*
 * What a set of epoll watches: against a table of what is in it, with files and descriptors that come and go in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fs/epoll_internal.h"

#define FILES 12u
#define DESCRIPTORS 40

static struct file files[FILES];
static struct item *there[FILES][DESCRIPTORS];
static uint64_t random_state;

static unsigned pick(unsigned below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(random_state >> 33) % below;
}

static void all_are_found(const struct epoll *e)
{
	for (unsigned f = 0; f < FILES; f++) {
		for (int fd = 0; fd < DESCRIPTORS; fd++) {
			assert_ptr_equal(epoll_item_find(e, &files[f], fd), there[f][fd]);
		}
	}
}

static void what_is_in_a_set_is_found(void **state)
{
	static struct epoll set;
	const char *given = getenv("SEED");
	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)random_state);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned f = pick(FILES);
		int fd = (int)pick(DESCRIPTORS);
		struct item **at = &there[f][fd];
		if (*at) {
			epoll_item_leave(&set, *at);
			free(*at);
			*at = NULL;
		} else {
			*at = calloc(1, sizeof(**at));
			(*at)->file = &files[f];
			(*at)->fd = fd;
			epoll_item_enter(&set, *at);
		}
		if (i % 100 == 0) {
			all_are_found(&set);
		}
	}
	for (unsigned f = 0; f < FILES; f++) {
		for (int fd = 0; fd < DESCRIPTORS; fd++) {
			if (there[f][fd]) {
				epoll_item_leave(&set, there[f][fd]);
				free(there[f][fd]);
			}
		}
	}
	assert_null(set.tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_in_a_set_is_found) };
	return cmocka_run_group_tests_name("epoll_items", tests, NULL, NULL);
}
