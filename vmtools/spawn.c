/* SPDX-License-Identifier: MIT */
/* See spawn.h. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

const char *spawn_find(const char *program)
{
	static char found[PATH_MAX];
	char search[PATH_MAX];
	snprintf(search, sizeof(search), "%s:/usr/sbin:/sbin:/usr/bin:/bin", getenv("PATH") ? getenv("PATH") : "");
	for (char *dir = strtok(search, ":"); dir; dir = strtok(NULL, ":")) {
		if ((size_t)snprintf(found, sizeof(found), "%s/%s", dir, program) < sizeof(found) && access(found, X_OK) == 0) {
			return found;
		}
	}
	return NULL;
}

static void child(const char *path, const char *const argv[], int output)
{
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(output, 1);
	dup2(output, 2);
	execv(path, (char *const *)argv);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

/* Hand each line that comes through the pipe, but empty ones, to `take`. */
static void read_lines(int fd, void (*take)(void *to, char *line), void *to)
{
	FILE *file = fdopen(fd, "r");
	char *line = NULL;
	size_t space = 0;
	while (file && getline(&line, &space, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0]) {
			take(to, line);
		}
	}
	free(line);
	if (file) {
		fclose(file);
	} else {
		close(fd);
	}
}

int spawn_lines(const char *const argv[], const char *package, void (*take)(void *to, char *line), void *to)
{
	const char *path = spawn_find(argv[0]);
	if (!path) {
		return fail(VMCTL_HOST, "%s is not installed: run \"apt-get install %s\" as root", argv[0], package);
	}
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) != 0) {
		return fail(VMCTL_HOST, "no pipe: %s", strerror(errno));
	}
	pid_t pid = fork();
	if (pid == 0) {
		child(path, argv, pipes[1]);
	}
	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		return fail(VMCTL_HOST, "no process for %s: %s", argv[0], strerror(errno));
	}
	int status;
	read_lines(pipes[0], take, to);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return status == 0 ? 0 : -1;
}

#define LAST_SIZE 256

static void keep_last(void *to, char *line)
{
	snprintf(to, LAST_SIZE, "%s", line);
}

int spawn_run(const char *const argv[], const char *package)
{
	char last[LAST_SIZE] = "";
	int status = spawn_lines(argv, package, keep_last, last);
	return status < 0 ? fail(VMCTL_HOST, "%s failed: %s", argv[0], last[0] ? last : "it said nothing") : status;
}
