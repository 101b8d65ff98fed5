/* SPDX-License-Identifier: MIT */
/* send and recv in their forms, struct msghdr and its control messages (cmsg(3)), which are the families'. */
#include "socket/calls.h"

#include "base/string.h"
#include "kernel/reserve.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define VECTORS_MAX 1024u
#define CONTROL_MAX 20480u
#define HEADER_BYTES 16u
#define ALIGN8(n) (((n) + 7) & ~7ull)

struct user_message { /* struct msghdr */
	uint64_t name;
	uint32_t name_length, pad;
	uint64_t vectors, vector_count, control, control_length;
	uint32_t flags, pad2;
};

struct control_header { /* struct cmsghdr */
	uint64_t length;
	int level, type;
};

/* ---- sending ---- */
static int control_parse(struct socket *s, const char *control, uint64_t bytes, struct outgoing *o)
{
	uint64_t at = 0;
	int error = 0;
	while (!error && at + HEADER_BYTES <= bytes) {
		struct control_header h;
		memcpy(&h, control + at, sizeof(h));
		if (h.length < HEADER_BYTES || h.length > bytes - at) {
			return -EINVAL;
		}
		error = s->ops->control(s, o, h.level, h.type, control + at + HEADER_BYTES, h.length - HEADER_BYTES);
		at += ALIGN8(h.length);
	}
	return error;
}

static int control_read(struct socket *s, const struct user_message *m, struct outgoing *o)
{
	if (!m->control_length || !m->control) {
		return 0;
	}
	if (m->control_length > CONTROL_MAX) {
		return -ENOBUFS;
	}
	char *control = kmalloc(m->control_length);
	int error = !control ? -ENOBUFS : user_read(control, m->control, m->control_length);
	error = error ? error : control_parse(s, control, m->control_length, o);
	kfree(control);
	return error;
}

/* Few vectors need no memory of their own. */
static int vectors_read(const struct user_message *m, struct io_vector few[8], struct io_vector **out)
{
	uint64_t total = 0;
	*out = few;
	if (m->vector_count > VECTORS_MAX) {
		return -EMSGSIZE;
	}
	if (m->vector_count > 8) {
		*out = kmalloc(m->vector_count * sizeof(**out));
		if (!*out) {
			*out = few;
			return -ENOMEM;
		}
	}
	if (m->vector_count && user_read(*out, m->vectors, m->vector_count * sizeof(**out))) {
		return -EFAULT;
	}
	for (uint64_t i = 0; i < m->vector_count; i++) {
		if ((int64_t)(*out)[i].length < 0 || __builtin_add_overflow(total, (*out)[i].length, &total) || (int64_t)total < 0) {
			return -EINVAL;
		}
	}
	if (!m->vector_count) {
		few[0] = (struct io_vector){ 0, 0 };
	}
	return 0;
}

static int name_read(const struct user_message *m, struct outgoing *o)
{
	o->named = m->name && m->name_length;
	return o->named ? address_read(&o->to, m->name, (int)m->name_length) : 0;
}

static long send_message(struct file *f, const struct user_message *m, unsigned flags)
{
	struct io_vector few[8], *vectors;
	struct socket *s = socket_of(f);
	struct outgoing o = { .id = sender_id_current(), .flags = flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0), .tos = -1, .ttl = -1 };
	int error = vectors_read(m, few, &vectors);
	o.from = (struct cursor){ vectors, m->vector_count ? (unsigned)m->vector_count : 1, 0, true };
	error = error ? error : name_read(m, &o);
	error = error ? error : control_read(s, m, &o);
	long result = error;
	if (!error) {
		result = s->ops->send(s, &o);
	} else if (o.rights) {
		s->ops->refuse(s, &o);
	}
	if (vectors != few) {
		kfree(vectors);
	}
	return result;
}

long sys_sendto(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	long result = socket_get_fd((int)a[0], &f, &s);
	if (!result) {
		struct io_vector v = { a[1], a[2] };
		struct user_message m = { .name = a[4], .name_length = (uint32_t)a[5] };
		struct outgoing o = { .from = { &v, 1, 0, true }, .id = sender_id_current(), .tos = -1, .ttl = -1 };
		o.flags = (unsigned)a[3] | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
		result = (int64_t)a[2] < 0 ? -EINVAL : name_read(&m, &o);
		result = result ? result : s->ops->send(s, &o);
		file_put(f);
	}
	return result;
}

long sys_sendmsg(const uint64_t a[6])
{
	struct user_message m;
	struct socket *s;
	struct file *f;
	long result = socket_get_fd((int)a[0], &f, &s);
	if (!result) {
		result = user_read(&m, a[1], sizeof(m)) ? -EFAULT : send_message(f, &m, (unsigned)a[2]);
		file_put(f);
	}
	return result;
}

/* ---- receiving ---- */
int control_put(struct control_room *c, int level, int type, const void *data, uint64_t bytes)
{
	struct control_header h = { HEADER_BYTES + bytes, level, type };
	if (c->left < HEADER_BYTES) {
		c->cut = true;
		return 0;
	}
	if (c->left < h.length) {
		c->cut = true;
		h.length = c->left;
	}
	if (user_write(c->at, &h, sizeof(h)) || user_write(c->at + HEADER_BYTES, data, h.length - HEADER_BYTES)) {
		return -EFAULT;
	}
	uint64_t space = ALIGN8(h.length) < c->left ? ALIGN8(h.length) : c->left;
	c->at += space;
	c->left -= space;
	return 0;
}

static int sender_write(const struct address *from, uint64_t user, uint64_t user_length)
{
	int none = 0;
	return !user ? 0 : from->family ? address_write(from, user, user_length) : user_write(user_length, &none, sizeof(none));
}

/* `at`: where the struct msghdr is, which gets what has come with the bytes. */
static long receive_message(struct file *f, uint64_t at, struct user_message *m, unsigned flags)
{
	struct io_vector few[8], *vectors = few;
	struct socket *s = socket_of(f);
	struct address from = { .family = AF_UNSPEC };
	struct incoming i = { .from = m->name ? &from : NULL, .flags = flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0) };
	struct control_room room = { m->control, m->control ? m->control_length : 0, false, flags & MSG_CMSG_CLOEXEC };
	long result = m->name && (int32_t)m->name_length < 0 ? -EINVAL : vectors_read(m, few, &vectors);
	if (!result) {
		i.to = (struct cursor){ vectors, m->vector_count ? (unsigned)m->vector_count : 1, 0, true };
		result = s->ops->receive(s, &i);
	}
	if (vectors != few) {
		kfree(vectors);
	}
	if (result < 0) {
		return result;
	}
	int error = s->ops->extras(s, &i, &room);
	uint64_t used = room.at - m->control;
	uint32_t out_flags = i.out_flags | (room.cut ? MSG_CTRUNC : 0) | (flags & MSG_CMSG_CLOEXEC);
	error = error ? error : sender_write(&from, m->name, at + offsetof(struct user_message, name_length));
	if (error || user_write(at + offsetof(struct user_message, control_length), &used, sizeof(used)) ||
	    user_write(at + offsetof(struct user_message, flags), &out_flags, sizeof(out_flags))) {
		return -EFAULT;
	}
	return result;
}

long sys_recvmsg(const uint64_t a[6])
{
	struct user_message m;
	struct socket *s;
	struct file *f;
	long result = socket_get_fd((int)a[0], &f, &s);
	if (!result) {
		result = user_read(&m, a[1], sizeof(m)) ? -EFAULT : receive_message(f, a[1], &m, (unsigned)a[2]);
		file_put(f);
	}
	return result;
}

long sys_recvfrom(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	struct io_vector v = { a[1], a[2] };
	struct address from = { .family = AF_UNSPEC };
	struct incoming i = { .to = { &v, 1, 0, true }, .from = a[4] ? &from : NULL, .flags = (unsigned)a[3] };
	struct control_room none = { 0, 0, false, false };
	long result = socket_get_fd((int)a[0], &f, &s);
	if (result) {
		return result;
	}
	i.flags |= f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
	result = (int64_t)a[2] < 0 ? -EINVAL : s->ops->receive(s, &i);
	if (result >= 0) {
		s->ops->extras(s, &i, &none);
		int error = sender_write(&from, a[4], a[5]);
		result = error ? error : result;
	}
	file_put(f);
	return result;
}

/* ---- several at once: struct mmsghdr is a message and the bytes it came to ---- */
#define MANY_BYTES (sizeof(struct user_message) + 8)

long sys_sendmmsg(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	uint64_t count = (uint32_t)a[2] < VECTORS_MAX ? (uint32_t)a[2] : VECTORS_MAX, done = 0;
	long result = socket_get_fd((int)a[0], &f, &s);
	if (result) {
		return result;
	}
	for (; done < count; done++) {
		struct user_message m;
		uint64_t at = a[1] + done * MANY_BYTES;
		reserve_renew();
		result = user_read(&m, at, sizeof(m)) ? -EFAULT : send_message(f, &m, (unsigned)a[3]);
		uint32_t bytes = (uint32_t)result;
		if (result < 0 || user_write(at + sizeof(m), &bytes, sizeof(bytes))) {
			result = result < 0 ? result : -EFAULT;
			break;
		}
	}
	file_put(f);
	return done ? (long)done : result < 0 ? result : 0;
}

static int timeout_read(uint64_t user, uint64_t *deadline)
{
	int64_t time[2];
	*deadline = UINT64_MAX;
	if (user && user_read(time, user, sizeof(time))) {
		return -EFAULT;
	}
	if (user && (time[0] < 0 || time[1] < 0 || time[1] >= 1000000000)) {
		return -EINVAL;
	}
	if (user && time[0] < 1000000000) {
		*deadline = time_ns() + (uint64_t)time[0] * 1000000000 + (uint64_t)time[1];
	}
	return 0;
}

/* As on Linux the timeout is looked at after each message only. */
long sys_recvmmsg(const uint64_t a[6])
{
	struct socket *s;
	struct file *f;
	uint64_t count = (uint32_t)a[2] < VECTORS_MAX ? (uint32_t)a[2] : VECTORS_MAX, done = 0, deadline;
	unsigned flags = (unsigned)a[3];
	long result = timeout_read(a[4], &deadline);
	result = result ? result : socket_get_fd((int)a[0], &f, &s);
	if (result) {
		return result;
	}
	while (done < count && time_ns() < deadline) {
		struct user_message m;
		uint64_t at = a[1] + done * MANY_BYTES;
		reserve_renew();
		result = user_read(&m, at, sizeof(m)) ? -EFAULT : receive_message(f, at, &m, flags & ~(unsigned)MSG_WAITFORONE);
		uint32_t bytes = (uint32_t)result;
		if (result < 0 || user_write(at + sizeof(m), &bytes, sizeof(bytes))) {
			result = result < 0 ? result : -EFAULT;
			break;
		}
		done++;
		flags |= flags & MSG_WAITFORONE ? MSG_DONTWAIT : 0;
	}
	file_put(f);
	return done ? (long)done : result < 0 ? result : 0;
}
