/* SPDX-License-Identifier: MIT */
/* What the files of system calls on sockets share. */
#ifndef SOCKET_CALLS_H
#define SOCKET_CALLS_H

#include "socket/socket.h"

/** A descriptor's socket; put *f after success. -EBADF, -ENOTSOCK. */
int socket_get_fd(int fd, struct file **f, struct socket **s);
/** A struct sockaddr of so many bytes. -EINVAL, -EFAULT; the family is the caller's to judge. */
int address_read(struct address *a, uint64_t user, int64_t bytes);
/** As much as *user_length says, which becomes the whole length. */
int address_write(const struct address *a, uint64_t user, uint64_t user_length);

#endif
