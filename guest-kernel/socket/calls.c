/* SPDX-License-Identifier: MIT */
/* The system calls on sockets but for messages: descriptors, addresses, pairs. Families other than AF_UNIX: EAFNOSUPPORT. */
#include "socket/calls.h"

#include "base/string.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define FLAGS (uint64_t)(O_CLOEXEC | O_NONBLOCK)
#define TYPE_MASK 0xfu
#define ADDRESS_MAX (FAMILY_BYTES + PATH_BYTES)

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
	memset(a, 0, sizeof(*a));
	if (bytes < (int)FAMILY_BYTES || bytes > (int)ADDRESS_MAX) {
		return -EINVAL;
	}
	a->length = (unsigned)bytes - FAMILY_BYTES;
	if (user_read(&a->family, user, FAMILY_BYTES) || user_read(a->path, user + FAMILY_BYTES, a->length)) {
		return -EFAULT;
	}
	return 0;
}

int address_write(const struct name *name, uint64_t user, uint64_t user_length)
{
	struct address a = { .family = AF_UNIX, .length = name ? name->length : 0 };
	int room, length = (int)(FAMILY_BYTES + a.length);
	if (name) {
		memcpy(a.path, name->bytes, name->length);
	}
	if (user_read(&room, user_length, sizeof(room))) {
		return -EFAULT;
	}
	if (room < 0) {
		return -EINVAL;
	}
	return user_write(user, &a, (size_t)(room < length ? room : length)) || user_write(user_length, &length, sizeof(length)) ? -EFAULT : 0;
}

/* Of a socket's type argument; RAW is another word for DGRAM here. */
static int type_check(uint64_t family, uint64_t type, uint64_t protocol)
{
	unsigned base = (unsigned)type & TYPE_MASK;
	if (((unsigned)type & ~TYPE_MASK & ~(unsigned)FLAGS) || base > 10) {
		return -EINVAL;
	}
	if ((unsigned)family != AF_UNIX) {
		return -EAFNOSUPPORT;
	}
	if (protocol != 0 && protocol != AF_UNIX) {
		return -EPROTONOSUPPORT;
	}
	if (base == SOCK_RAW) {
		return SOCK_DGRAM;
	}
	return base == SOCK_STREAM || base == SOCK_DGRAM || base == SOCK_SEQPACKET ? (int)base : -ESOCKTNOSUPPORT;
}

long sys_socket(const uint64_t a[6])
{
	int type = type_check(a[0], a[1], (uint32_t)a[2]);
	struct socket *s = type < 0 ? NULL : socket_create(type);
	struct file *f = s ? socket_file(s, (unsigned)a[1]) : NULL;
	return type < 0 ? type : f ? fd_install(f, a[1] & O_CLOEXEC) : -ENOMEM;
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
	int type = type_check(a[0], a[1], (uint32_t)a[2]);
	struct file *f[2] = { NULL, NULL };
	if (type < 0) {
		return type;
	}
	for (int i = 0; i < 2; i++) {
		struct socket *s = socket_create(type);
		f[i] = s ? socket_file(s, (unsigned)a[1]) : NULL;
		if (!f[i]) {
			if (f[0] && i) {
				file_put(f[0]);
			}
			return -ENOMEM;
		}
		s->peer_id = sender_id_current();
	}
	socket_pair(f[0]->private, f[1]->private);
	return pair_install(f, a[3], a[1] & O_CLOEXEC);
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
	if (!error && (address.family != AF_UNIX || (!bind && !address.length)) && (bind || address.family != AF_UNSPEC)) {
		error = -EINVAL;
	}
	if (!error) {
		error = bind ? name_bind(s, &address) : socket_connect(s, &address, !(f->flags & O_NONBLOCK));
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
		error = socket_listen(s, (unsigned)a[1]);
		file_put(f);
	}
	return error;
}

static struct name *name_of(struct socket *s)
{
	spin_lock(&s->lock);
	struct name *name = name_get(s->name);
	spin_unlock(&s->lock);
	return name;
}

static int peer_name_write(struct socket *s, uint64_t user, uint64_t user_length)
{
	struct socket *peer = socket_peer(s);
	if (!peer) {
		return -ENOTCONN;
	}
	struct name *name = name_of(peer);
	socket_put(peer);
	int error = address_write(name, user, user_length);
	name_put(name);
	return error;
}

static long accept(int fd, uint64_t user, uint64_t user_length, uint64_t flags)
{
	struct socket *s, *end;
	struct file *f;
	int error = flags & ~FLAGS ? -EINVAL : socket_get_fd(fd, &f, &s);
	if (error) {
		return error;
	}
	error = socket_accept(s, !(f->flags & O_NONBLOCK), &end);
	file_put(f);
	if (error) {
		return error;
	}
	struct file *made = socket_file(end, (unsigned)flags);
	if (!made) {
		return -ENOMEM;
	}
	error = user ? peer_name_write(end, user, user_length) : 0;
	if (error == -ENOTCONN) {
		error = address_write(NULL, user, user_length); /* it has gone meanwhile */
	}
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

long sys_getsockname(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		struct name *name = name_of(s);
		error = address_write(name, a[1], a[2]);
		name_put(name);
		file_put(f);
	}
	return error;
}

long sys_getpeername(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		error = peer_name_write(s, a[1], a[2]);
		file_put(f);
	}
	return error;
}

long sys_shutdown(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	int error = socket_get_fd((int)a[0], &f, &s);
	if (!error) {
		error = socket_shutdown(s, (unsigned)a[1]);
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
