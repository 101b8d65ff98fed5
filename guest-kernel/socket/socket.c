/* SPDX-License-Identifier: MIT */
/* What all sockets have in common, and what poll, read, write and ioctl see of them. */
#include "socket/socket.h"

#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "kernel/vfs.h"
#include "net/net.h"

#define FIONREAD 0x541bu /* SIOCINQ */
#define SIOCOUTQ 0x5411u
enum { FIOSETOWN = 0x8901, SIOCSPGRP, FIOGETOWN, SIOCGPGRP };
#define SIOCGSTAMP 0x8906u
#define SIOCGSTAMPNS 0x8907u

struct sender_id sender_id_current(void)
{
	const struct process *p = process_current();
	return (struct sender_id){ p->pid, p->credentials.uid, p->credentials.gid };
}

uint64_t deadline_after(uint64_t timeout_ns)
{
	return timeout_ns ? time_ns() + timeout_ns : 0;
}

/* A call with a timeout cannot simply start again (signal(7)). */
int wait_error(int error, uint64_t timeout_ns)
{
	return error == -ETIMEDOUT ? -EAGAIN : error == -EINTR ? (timeout_ns ? -EINTR : -ERESTARTSYS) : error;
}

long socket_broken_pipe(long result, unsigned flags)
{
	if (result == -EPIPE && !(flags & MSG_NOSIGNAL)) {
		signal_broken_pipe();
	}
	return result;
}

void socket_init(struct socket *s, const struct socket_ops *ops, int family, int type, int protocol)
{
	static uint64_t cookies;
	s->ops = ops;
	s->cookie = __atomic_add_fetch(&cookies, 1, __ATOMIC_RELAXED);
	s->references = 1;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	spin_init(&s->lock, "socket");
	mutex_init(&s->reading, "socket reader");
	s->reading.outer = true;
	waitq_init(&s->in);
	waitq_init(&s->out);
	s->send_limit = s->receive_limit = BUFFER_DEFAULT;
	s->receive_least = 1;
	s->linger_seconds = -1;
	s->mode = 0777;
}

void socket_get(struct socket *s)
{
	__atomic_fetch_add(&s->references, 1, __ATOMIC_RELAXED);
}

int socket_no_listen(struct socket *s, unsigned backlog)
{
	return -EOPNOTSUPP;
}

int socket_no_accept(struct socket *s, bool wait, struct socket **out)
{
	return -EOPNOTSUPP;
}

int socket_no_shutdown(struct socket *s, unsigned closed)
{
	return -EOPNOTSUPP;
}

void socket_put(struct socket *s)
{
	if (s && __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) == 0) {
		s->ops->free(s);
	}
}

struct socket *socket_of(const struct file *f)
{
	return f->ops == &socket_file_ops ? f->private : NULL;
}

bool socket_hung_up(const struct file *f)
{
	const struct socket *s = socket_of(f);
	return s && __atomic_load_n(&s->closed, __ATOMIC_RELAXED) == (CLOSED_RECEIVE | CLOSED_SEND);
}

uint32_t *socket_mode(const struct file *f)
{
	struct socket *s = socket_of(f);
	return s ? &s->mode : NULL;
}

static void socket_release(struct file *f)
{
	struct socket *s = f->private;
	s->ops->close(s);
	socket_closed();
}

static long plain_send(struct file *f, const struct io_vector *vectors, unsigned count, bool user)
{
	struct socket *s = f->private;
	struct outgoing o = {
		.from = { .vectors = vectors, .count = count, .user = user },
		.id = sender_id_current(),
		.flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0,
		.tos = -1, .ttl = -1,
	};
	return s->ops->send(s, &o);
}

static long plain_receive(struct file *f, const struct io_vector *vectors, unsigned count, bool user)
{
	struct socket *s = f->private;
	struct incoming i = {
		.to = { .vectors = vectors, .count = count, .user = user },
		.flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0,
	};
	long n = cursor_left(&i.to) ? s->ops->receive(s, &i) : 0;
	if (i.rights) {
		s->ops->leave(s, &i); /* read() cannot hand them over */
	}
	return n;
}

static long socket_transfer(struct file *f, bool write, const struct io_vector *vectors, unsigned count)
{
	return write ? plain_send(f, vectors, count, true) : plain_receive(f, vectors, count, true);
}

static long socket_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct io_vector v = { (uint64_t)buffer, bytes };
	return plain_receive(f, &v, 1, false);
}

static long socket_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct io_vector v = { (uint64_t)buffer, bytes };
	return plain_send(f, &v, 1, false);
}

static long socket_send_pages(struct file *f, const struct page_part *parts, unsigned count, bool more)
{
	struct socket *s = f->private;
	unsigned flags = (more ? MSG_MORE : 0) | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
	return s->ops->send_pages ? s->ops->send_pages(s, parts, count, flags) : -EOPNOTSUPP;
}

static unsigned socket_poll(struct file *f, struct poll_table *table)
{
	struct socket *s = f->private;
	poll_wait(table, &s->in);
	poll_wait(table, &s->out);
	return s->ops->poll(s, table);
}

/* When the message that was read last had come (socket(7)). The first call makes messages have a time. */
static long stamp_tell(struct socket *s, bool ns, uint64_t user)
{
	uint64_t stamp = s->stamp_ns == STAMP_UNKNOWN ? time_wall_ns() : s->stamp_ns;
	int64_t time[2] = { (int64_t)(stamp / 1000000000), (int64_t)(stamp % 1000000000) / (ns ? 1 : 1000) };
	s->stamps = true;
	return stamp ? user_write(user, time, sizeof(time)) : -ENOENT;
}

/* Who gets SIGIO and SIGURG of it, as F_GETOWN and F_SETOWN have it. */
static long owner_request(struct file *f, bool set, uint64_t argument)
{
	int owner = set ? 0 : (int)async_owner(f);
	if (!set) {
		return user_write(argument, &owner, sizeof(owner));
	}
	return user_read(&owner, argument, sizeof(owner)) ? -EFAULT : async_set_owner(f, owner);
}

static long socket_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	struct socket *s = f->private;
	if (request >= FIOSETOWN && request <= SIOCGPGRP) {
		return owner_request(f, request == FIOSETOWN || request == SIOCSPGRP, argument);
	}
	if (net_ioctl_known(request)) {
		return net_ioctl(request, argument);
	}
	if (net_ethtool_known(request)) {
		return net_ethtool(request, argument);
	}
	if (request == SIOCGSTAMP || request == SIOCGSTAMPNS) {
		return stamp_tell(s, request == SIOCGSTAMPNS, argument);
	}
	if (request != FIONREAD && request != SIOCOUTQ) {
		return s->ops->ioctl ? s->ops->ioctl(s, request, argument) : -ENOTTY;
	}
	int bytes, error = s->ops->queued(s, request == SIOCOUTQ, &bytes);
	return error ? error : user_write(argument, &bytes, sizeof(bytes));
}

static uint64_t socket_held(const struct file *f)
{
	struct socket *s = f->private;
	return s->ops->held ? s->ops->held(s) : 0;
}

static int socket_map(struct file *f, uint64_t offset, uint64_t bytes, struct file **in_place)
{
	struct socket *s = f->private;
	return s->ops->map ? s->ops->map(s, offset, bytes, in_place) : -ENODEV;
}

const struct file_ops socket_file_ops = {
	.read = socket_read, .write = socket_write, .transfer = socket_transfer, .send_pages = socket_send_pages, .poll = socket_poll, .ioctl = socket_ioctl,
	.release = socket_release, .held = socket_held, .map = socket_map,
};

struct file *socket_file(struct socket *s, unsigned flags)
{
	struct file *f = file_alloc(&socket_file_ops, O_RDWR | (flags & O_NONBLOCK), s);
	if (f) {
		s->file = f;
	} else {
		s->ops->close(s);
	}
	return f;
}
