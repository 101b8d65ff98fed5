/* SPDX-License-Identifier: MIT */
/*
 * See backlog.h. QEMU's user network listens with room for one client that waits (slirp_hostfwd(), listen(s, 1)), and has no option for
 * more: of clients that come at once Linux then drops some, and resets others whose SYN cookie it can't use any more. A second listen() on
 * the same socket changes the depth alone (listen(2), tcp(7)), and pidfd_getfd(2) lends us the socket: its inode stands in /proc/net/tcp,
 * its descriptor among those of one process in /proc.
 */
#include "backlog.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network.h"
#include "port.h"

struct backlog {
	const uint16_t *ports;
	unsigned count;
	int *errors;
	unsigned long inodes[NETWORK_MAX_PUBLISHED]; /* 0: nobody listens there, or it is done */
	unsigned left; /* of them that are not 0 */
};

/* Every socket is looked at. */
static bool note_inode(void *to, const struct port_socket *s)
{
	struct backlog *b = to;
	for (unsigned i = 0; i < b->count; i++) {
		if (s->local == htonl(INADDR_LOOPBACK) && s->local_port == b->ports[i] && s->state == PORT_LISTENING) {
			b->left += !b->inodes[i];
			b->inodes[i] = s->inode;
		}
	}
	return false;
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

/* Those sockets that this process has. */
static void deepen_in(struct backlog *b, long process)
{
	char path[64], target[64];
	unsigned long inode;
	snprintf(path, sizeof(path), "/proc/%ld/fd", process);
	DIR *directory = opendir(path);
	for (struct dirent *file; directory && (file = readdir(directory)) != NULL;) {
		ssize_t length = readlinkat(dirfd(directory), file->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) != 1) {
			continue;
		}
		for (unsigned i = 0; i < b->count; i++) {
			if (b->inodes[i] && b->inodes[i] == inode) {
				b->errors[i] = deepen(process, atoi(file->d_name));
				b->inodes[i] = 0;
				b->left--;
			}
		}
	}
	if (directory) {
		closedir(directory);
	}
}

void backlog_deepen(const uint16_t *ports, unsigned count, int *errors)
{
	struct backlog b = { .ports = ports, .count = count, .errors = errors };
	for (unsigned i = 0; i < count; i++) {
		errors[i] = -ENOENT;
	}
	port_find(note_inode, &b);
	DIR *directory = b.left ? opendir("/proc") : NULL;
	for (struct dirent *entry; directory && b.left && (entry = readdir(directory)) != NULL;) {
		long process = strtol(entry->d_name, NULL, 10);
		if (process > 0) {
			deepen_in(&b, process);
		}
	}
	if (directory) {
		closedir(directory);
	}
}
