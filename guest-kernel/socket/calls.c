/* SPDX-License-Identifier: MIT */
/* The system calls on sockets but for messages: descriptors, addresses, pairs. Other families: EAFNOSUPPORT. */
#include "socket/calls.h"

#include "base/string.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define FLAGS (uint64_t)(O_CLOEXEC | O_NONBLOCK)
#define TYPE_MASK 0xfu

int socket_get_fd(int fd, struct file **f, struct socket **s)
{
	*f = file_from_fd(fd);
	*s = *f ? socket_of(*f) : NULL;
	if (*f && !*s) {
		file_put(*f);
		return -ENOTSOCK;
	}
	return *f ? 0 : -EBADF;
}

int address_read(struct address *a, uint64_t user, int64_t bytes)
{
	if (bytes < (int)FAMILY_BYTES || bytes > (int)ADDRESS_BYTES) {
		return -EINVAL;
	}
	a->length = (unsigned)bytes - FAMILY_BYTES;
	if (user_read(&a->family, user, FAMILY_BYTES) || user_read(a->data, user + FAMILY_BYTES, a->length)) {
		return -EFAULT;
	}
	memset(a->data + a->length, 0, sizeof(a->data) - a->length);
	return 0;
}

int address_write(const struct address *a, uint64_t user, uint64_t user_length)
{
	int room, length = (int)(FAMILY_BYTES + a->length);
	if (user_read(&room, user_length, sizeof(room))) {
		return -EFAULT;
	}
	if (room < 0) {
		return -EINVAL;
	}
	return user_write(user, a, (size_t)(room < length ? room : length)) || user_write(user_length, &length, sizeof(length)) ? -EFAULT : 0;
}

static int create(uint64_t family, uint64_t type, uint64_t protocol, struct socket **out)
{
	unsigned base = (unsigned)type & TYPE_MASK;
	if (((unsigned)type & ~TYPE_MASK & ~(unsigned)FLAGS) || base > 10) {
		return -EINVAL;
	}
	switch ((unsigned)family) {
	case AF_UNIX:
		return unix_create((int)base, (int)protocol, out);
	case AF_INET:
	case AF_INET6:
		return inet_create((unsigned)family == AF_INET6, (int)base, (int)protocol, out);
	case AF_NETLINK:
		return netlink_create((int)base, (int)protocol, out);
	case AF_PACKET:
		return packet_create((int)base, (int)protocol, out);
	default:
		return -EAFNOSUPPORT;
	}
}

long sys_socket(const uint64_t a[6])
{
	struct socket *s;
	int error = create(a[0], a[1], a[2], &s);
	struct file *f = error ? NULL : socket_file(s, (unsigned)a[1]);
	return error ? error : f ? fd_install(f, a[1] & O_CLOEXEC) : -ENOMEM;
}

static long pair_install(struct file *f[2], uint64_t user, bool close_on_exec)
{
	int fds[2];
	fds[0] = fd_install(f[0], close_on_exec);
	fds[1] = fds[0] < 0 ? (file_put(f[1]), -1) : fd_install(f[1], close_on_exec);
	long error = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : user_write(user, fds, sizeof(fds));
	if (error && fds[0] >= 0) {
		fd_close(fds[0]);
	}
	if (error && fds[1] >= 0) {
		fd_close(fds[1]);
	}
	return error;
}

long sys_socketpair(const uint64_t a[6])
{
	struct socket *s[2] = { NULL, NULL };
	struct file *f[2] = { NULL, NULL };
	int error = 0;
	for (int i = 0; i < 2 && !error; i++) {
		error = create(a[0], a[1], a[2], &s[i]);
		f[i] = error ? NULL : socket_file(s[i], (unsigned)a[1]);
		error = error ? error : f[i] ? 0 : -ENOMEM;
	}
	error = error ? error : s[0]->ops->pair ? s[0]->ops->pair(s[0], s[1]) : -EOPNOTSUPP;
	for (int i = 0; i < 2 && error; i++) {
		if (f[i]) {
			file_put(f[i]);
		}
	}
	return error ? error : pair_install(f, a[3], a[1] & O_CLOEXEC);
}

static long with_address(const uint64_t a[6], bool bind)
{
	struct address address;
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (error) {
		return error;
	}
	error = address_read(&address, a[1], (int)a[2]);
	if (!error) {
		error = bind ? s->ops->bind(s, &address) : s->ops->connect(s, &address, !(f->flags & O_NONBLOCK));
	}
	file_put(f);
	return error;
}

long sys_bind(const uint64_t a[6])
{
	return with_address(a, true);
}

long sys_connect(const uint64_t a[6])
{
	return with_address(a, false);
}

long sys_listen(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		error = s->ops->listen(s, (unsigned)a[1]);
		file_put(f);
	}
	return error;
}

static int name_read(struct socket *s, bool peer, struct address *out)
{
	return s->ops->address(s, peer, out);
}

static int name_write(struct socket *s, bool peer, uint64_t user, uint64_t user_length)
{
	struct address address = { .family = AF_UNSPEC };
	int error = name_read(s, peer, &address);
	return error ? error : address_write(&address, user, user_length);
}

static long accept(int fd, uint64_t user, uint64_t user_length, uint64_t flags)
{
	struct socket *s, *end;
	struct file *f;
	int error = flags & ~FLAGS ? -EINVAL : socket_get_fd(fd, &f, &s);
	if (error) {
		return error;
	}
	error = fd_is_left() ? s->ops->accept(s, !(f->flags & O_NONBLOCK), &end) : -EMFILE; /* it stays in the queue */
	file_put(f);
	if (error) {
		return error;
	}
	struct address address = { .family = (uint16_t)end->family };
	if (user) {
		(void)name_read(end, true, &address); /* without one: it has gone meanwhile */
	}
	struct file *made = socket_file(end, (unsigned)flags);
	if (!made) {
		return -ENOMEM;
	}
	error = user ? address_write(&address, user, user_length) : 0;
	if (error) {
		file_put(made);
		return error;
	}
	return fd_install(made, flags & O_CLOEXEC);
}

long sys_accept(const uint64_t a[6])
{
	return accept((int)a[0], a[1], a[2], 0);
}

long sys_accept4(const uint64_t a[6])
{
	return accept((int)a[0], a[1], a[2], (uint32_t)a[3]);
}

static long get_name(const uint64_t a[6], bool peer)
{
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		error = name_write(s, peer, a[1], a[2]);
		file_put(f);
	}
	return error;
}

long sys_getsockname(const uint64_t a[6])
{
	return get_name(a, false);
}

long sys_getpeername(const uint64_t a[6])
{
	return get_name(a, true);
}

long sys_shutdown(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (!error) { /* SHUT_RD, SHUT_WR, SHUT_RDWR */
		error = (unsigned)a[1] > 2 ? -EINVAL : s->ops->shutdown(s, (unsigned)a[1] + 1);
		file_put(f);
	}
	return error;
}

long sys_setsockopt(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	long error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		error = socket_set_option(s, (int)a[1], (int)a[2], a[3], (int)a[4]);
		file_put(f);
	}
	return error;
}

long sys_getsockopt(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	long error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		error = socket_get_option(s, (int)a[1], (int)a[2], a[3], a[4]);
		file_put(f);
	}
	return error;
}
