/* SPDX-License-Identifier: MIT */
/* See writable.h. Only opening tells: access() knows nothing of a missing directory, and root may do anything. */
#include "writable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

int writable_check(const char *path)
{
	struct stat st;
	bool is_new = path && lstat(path, &st) != 0;
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666) : -1;
	if (fd < 0 && path && errno != ENXIO) { /* a pipe that nobody reads yet */
		return fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
	if (is_new) {
		unlink(path);
	}
	return 0;
}
