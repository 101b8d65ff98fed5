/* SPDX-License-Identifier: MIT */
/*
 * A machine's directory: many that want the same name, one after the other and ended in all ways, have it one at a time and whole: nothing of theirs goes
 * while they are there, and nothing is left in the end.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmtools/workdir.h"

#define CLIENTS 8
#define TURNS 15
#define FILES 20

static char name[24];

static bool has_all(const struct workdir *dir, const char *inner)
{
	char path[160];
	for (unsigned n = 0; n < FILES; n++) {
		snprintf(path, sizeof(path), "%s/%s/%u", dir->path, inner, n);
		if (access(path, F_OK) != 0) {
			return false;
		}
	}
	return true;
}

/* 0: had the directory; 1: somebody else had it all the time. Else a fault. */
static int turn(unsigned *holders, unsigned seed)
{
	struct workdir dir;
	char inner[32], path[160];
	if (workdir_open(&dir, name) != 0) {
		return 1;
	}
	if (__atomic_add_fetch(holders, 1, __ATOMIC_SEQ_CST) != 1) {
		return 2;
	}
	snprintf(inner, sizeof(inner), "of-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/%s", dir.path, inner);
	if (mkdir(path, 0700) != 0) {
		return 3;
	}
	for (unsigned n = 0; n < FILES; n++) {
		snprintf(path, sizeof(path), "%s/%s/%u", dir.path, inner, n);
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0) {
			return 4;
		}
		close(fd);
	}
	if (!has_all(&dir, inner)) {
		return 5;
	}
	__atomic_sub_fetch(holders, 1, __ATOMIC_SEQ_CST);
	if (seed % 3 == 0) {
		kill(getpid(), SIGKILL); /* its watcher clears up */
	}
	workdir_close(&dir);
	return 0;
}

static void one_at_a_time(void **state)
{
	unsigned *holders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), had = 0;
	struct workdir dir;
	struct stat st;
	assert_true(holders != MAP_FAILED);
	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	for (unsigned t = 0; t < TURNS; t++) {
		pid_t clients[CLIENTS];
		for (unsigned n = 0; n < CLIENTS; n++) {
			clients[n] = fork();
			if (clients[n] == 0) {
				_exit(turn(holders, t + n));
			}
		}
		for (unsigned n = 0; n < CLIENTS; n++) {
			int status;
			assert_int_equal(waitpid(clients[n], &status, 0), clients[n]);
			if (WIFEXITED(status)) {
				assert_in_range(WEXITSTATUS(status), 0, 1);
			}
			had += !WIFEXITED(status) || WEXITSTATUS(status) == 0;
		}
	}
	assert_true(had > CLIENTS * TURNS / 2); /* with patience: the others were about to end */
	assert_int_equal(workdir_open(&dir, name), 0);
	workdir_close(&dir);
	assert_int_equal(stat(dir.path, &st), -1);
}

/* Who has the name keeps it. */
static void a_name_is_taken(void **state)
{
	struct workdir dir, other;
	snprintf(name, sizeof(name), "taken-%d", (int)getpid());
	assert_int_equal(workdir_open(&dir, name), 0);
	assert_int_not_equal(workdir_open(&other, name), 0);
	assert_int_equal(access(workdir_file(&dir, "lock"), F_OK), 0);
	workdir_close(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(a_name_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
