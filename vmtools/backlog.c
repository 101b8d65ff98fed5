/* SPDX-License-Identifier: MIT */
/*
 * See backlog.h. QEMU's user network listens with room for one client that waits (slirp_hostfwd(), listen(s, 1)), and has no option for
 * more: of clients that come at once Linux then drops some, and resets others whose SYN cookie it can't use any more. A second listen() on
 * the same socket changes the depth alone (listen(2), tcp(7)), and pidfd_getfd(2) lends us the socket: its inode stands in /proc/net/tcp,
 * its descriptor among those of one process in /proc.
 */
#include "backlog.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK 0x0100007fu /* 127.0.0.1 as /proc/net/tcp has it */
#define LISTENING 0x0a /* TCP_LISTEN */

/* 0: nobody listens there. */
static unsigned long inode_of(uint16_t port)
{
	char line[256];
	unsigned long inode, found = 0;
	unsigned address, at, state;
	FILE *table = fopen("/proc/net/tcp", "re");
	while (table && !found && fgets(line, sizeof(line), table)) {
		if (sscanf(line, "%*u: %x:%x %*x:%*x %x %*s %*s %*s %*u %*u %lu", &address, &at, &state, &inode) == 4 && address == LOOPBACK &&
		    at == port && state == LISTENING) {
			found = inode;
		}
	}
	if (table) {
		fclose(table);
	}
	return found;
}

/* The descriptor by which the process has the socket; -1: it has none. */
static int descriptor_in(long process, unsigned long inode)
{
	char path[64], target[64], wanted[64];
	int found = -1;
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%ld/fd", process);
	DIR *directory = opendir(path);
	for (struct dirent *file; directory && found < 0 && (file = readdir(directory)) != NULL;) {
		ssize_t length = readlinkat(dirfd(directory), file->d_name, target, sizeof(target) - 1);
		if (length > 0) {
			target[length] = '\0';
			found = strcmp(target, wanted) == 0 ? atoi(file->d_name) : -1;
		}
	}
	if (directory) {
		closedir(directory);
	}
	return found;
}

static int deepen(long process, int descriptor)
{
	int pidfd = pidfd_open((pid_t)process, 0);
	int fd = pidfd < 0 ? -1 : pidfd_getfd(pidfd, descriptor, 0);
	int error = fd >= 0 && listen(fd, SOMAXCONN) == 0 ? 0 : -errno;
	if (fd >= 0) {
		close(fd);
	}
	if (pidfd >= 0) {
		close(pidfd);
	}
	return error;
}

int backlog_deepen(uint16_t port)
{
	unsigned long inode = inode_of(port);
	int error = -ENOENT;
	DIR *directory = inode ? opendir("/proc") : NULL;
	for (struct dirent *entry; directory && error == -ENOENT && (entry = readdir(directory)) != NULL;) {
		long process = strtol(entry->d_name, NULL, 10);
		int descriptor = process > 0 ? descriptor_in(process, inode) : -1;
		error = descriptor >= 0 ? deepen(process, descriptor) : -ENOENT;
	}
	if (directory) {
		closedir(directory);
	}
	return error;
}
