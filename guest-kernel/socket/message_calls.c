/* SPDX-License-Identifier: MIT */
/* send and recv in their forms, struct msghdr and its control messages (cmsg(3), unix(7)): SCM_RIGHTS, SCM_CREDENTIALS. */
#include "socket/calls.h"

#include "base/string.h"
#include "kernel/reserve.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define VECTORS_MAX 1024u
#define CONTROL_MAX 20480u
#define RIGHTS_MAX 253u
#define HEADER_BYTES 16u
#define ALIGN8(n) (((n) + 7) & ~7ull)

enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };

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
static int rights_read(const char *data, uint64_t bytes, struct rights **out)
{
	unsigned count = (unsigned)(bytes / sizeof(int));
	if (count > RIGHTS_MAX || *out) {
		return -EINVAL;
	}
	int error = count ? rights_check(count) : 0;
	struct rights *r = count && !error ? rights_create(count) : NULL;
	if (!r) {
		return error ? error : count ? -ENOMEM : 0;
	}
	for (unsigned i = 0; i < count; i++) {
		int fd;
		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		r->files[i] = file_from_fd(fd);
		if (!r->files[i]) {
			while (i-- > 0) {
				file_put(r->files[i]);
			}
			kfree(r);
			return -EBADF;
		}
	}
	rights_depart(r);
	*out = r;
	return 0;
}

/* One may name oneself, by any of one's users and groups; root whom it likes. */
static int id_read(const char *data, uint64_t bytes, struct sender_id *id)
{
	const struct process *p = process_current();
	const struct credentials *c = &p->credentials;
	struct sender_id in;
	if (bytes != sizeof(in)) {
		return -EINVAL;
	}
	memcpy(&in, data, sizeof(in));
	bool own = in.pid == p->pid && (in.uid == c->uid || in.uid == c->euid || in.uid == c->suid) &&
		   (in.gid == c->gid || in.gid == c->egid || in.gid == c->sgid);
	if (!own && c->euid != 0) {
		return -EPERM;
	}
	spin_lock(&process_lock);
	bool exists = process_find_locked(in.pid) != NULL;
	spin_unlock(&process_lock);
	*id = in;
	return exists ? 0 : -ESRCH;
}

static int control_parse(const char *control, uint64_t bytes, struct outgoing *o)
{
	uint64_t at = 0;
	int error = 0;
	while (!error && at + HEADER_BYTES <= bytes) {
		struct control_header h;
		memcpy(&h, control + at, sizeof(h));
		if (h.length < HEADER_BYTES || h.length > bytes - at) {
			return -EINVAL;
		}
		const char *data = control + at + HEADER_BYTES;
		uint64_t size = h.length - HEADER_BYTES;
		if (h.level == SOL_SOCKET) {
			error = h.type == SCM_RIGHTS	    ? rights_read(data, size, &o->rights) :
				h.type == SCM_CREDENTIALS ? id_read(data, size, &o->id) :
							    -EINVAL;
		}
		at += ALIGN8(h.length);
	}
	return error;
}

static int control_read(const struct user_message *m, struct outgoing *o)
{
	if (!m->control_length || !m->control) {
		return 0;
	}
	if (m->control_length > CONTROL_MAX) {
		return -ENOBUFS;
	}
	char *control = kmalloc(m->control_length);
	int error = !control ? -ENOBUFS : user_read(control, m->control, m->control_length);
	error = error ? error : control_parse(control, m->control_length, o);
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

static int name_read(const struct user_message *m, struct address *to)
{
	to->family = AF_UNSPEC;
	if (!m->name || !m->name_length) {
		return 0;
	}
	int error = address_read(to, m->name, (int)m->name_length);
	return error ? error : to->family != AF_UNIX || !to->length ? -EINVAL : 0;
}

static long send_message(struct file *f, const struct user_message *m, unsigned flags)
{
	struct io_vector few[8], *vectors;
	struct outgoing o = { .id = sender_id_current(), .flags = flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0) };
	int error = vectors_read(m, few, &vectors);
	o.from = (struct cursor){ vectors, m->vector_count ? (unsigned)m->vector_count : 1, 0, true };
	error = error ? error : name_read(m, &o.to);
	error = error ? error : control_read(m, &o);
	long result = error;
	if (!error) {
		result = socket_send(socket_of(f), &o);
	} else if (o.rights) {
		rights_drop(o.rights);
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
		struct outgoing o = { .from = { &v, 1, 0, true }, .id = sender_id_current() };
		o.flags = (unsigned)a[3] | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
		result = (int64_t)a[2] < 0 ? -EINVAL : name_read(&m, &o.to);
		result = result ? result : socket_send(s, &o);
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
struct control_room {
	uint64_t at, left;
	bool cut;
};

static int control_put(struct control_room *c, int type, const void *data, uint64_t bytes)
{
	struct control_header h = { HEADER_BYTES + bytes, SOL_SOCKET, type };
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

/* As many as there is room and descriptors for; the others are closed. */
static int rights_install(struct control_room *c, struct rights *r, bool close_on_exec)
{
	uint64_t room = c->left > HEADER_BYTES ? (c->left - HEADER_BYTES) / sizeof(int) : 0;
	unsigned done = 0, used = 0;
	int error = 0;
	while (used < r->count && used < room && !error) {
		int fd = fd_install(r->files[used++], close_on_exec);
		error = fd < 0 ? fd : user_write(c->at + HEADER_BYTES + done * sizeof(fd), &fd, sizeof(fd));
		done += error ? 0 : 1;
	}
	c->cut |= done < r->count;
	for (; used < r->count; used++) {
		file_put(r->files[used]);
	}
	struct control_header h = { HEADER_BYTES + done * sizeof(int), SOL_SOCKET, SCM_RIGHTS };
	if (!done) {
		return 0;
	}
	if (user_write(c->at, &h, sizeof(h))) {
		return -EFAULT;
	}
	uint64_t space = ALIGN8(h.length) < c->left ? ALIGN8(h.length) : c->left;
	c->at += space;
	c->left -= space;
	return 0;
}

static int extras_write(struct socket *s, struct incoming *i, struct control_room *c, bool close_on_exec)
{
	int error = i->has_id && s->pass_id ? control_put(c, SCM_CREDENTIALS, &i->id, sizeof(i->id)) : 0;
	if (i->rights) {
		int failed = rights_install(c, i->rights, close_on_exec);
		error = error ? error : failed;
		kfree(i->rights);
		i->rights = NULL;
	}
	i->out_flags |= c->cut ? MSG_CTRUNC : 0;
	return error;
}

static int sender_write(const struct incoming *i, uint64_t user, uint64_t user_length)
{
	int none = 0;
	if (!user) {
		return 0;
	}
	return i->from ? address_write(i->from, user, user_length) : user_write(user_length, &none, sizeof(none));
}

/* `at`: where the struct msghdr is, which gets what has come with the bytes. */
static long receive_message(struct file *f, uint64_t at, struct user_message *m, unsigned flags)
{
	struct io_vector few[8], *vectors;
	struct socket *s = socket_of(f);
	struct incoming i = { .flags = flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0) };
	struct control_room room = { m->control, m->control ? m->control_length : 0, false };
	long result = vectors_read(m, few, &vectors);
	if (!result) {
		i.to = (struct cursor){ vectors, m->vector_count ? (unsigned)m->vector_count : 1, 0, true };
		result = socket_receive(s, &i);
	}
	if (vectors != few) {
		kfree(vectors);
	}
	if (result < 0) {
		return result;
	}
	int error = extras_write(s, &i, &room, flags & MSG_CMSG_CLOEXEC);
	uint64_t used = room.at - m->control;
	uint32_t out_flags = i.out_flags | (flags & MSG_CMSG_CLOEXEC);
	error = error ? error : sender_write(&i, m->name, at + offsetof(struct user_message, name_length));
	name_put(i.from);
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
	struct incoming i = { .to = { &v, 1, 0, true }, .flags = (unsigned)a[3] };
	struct control_room none = { 0, 0, false };
	long result = socket_get_fd((int)a[0], &f, &s);
	if (result) {
		return result;
	}
	i.flags |= f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
	result = (int64_t)a[2] < 0 ? -EINVAL : socket_receive(s, &i);
	if (result >= 0) {
		extras_write(s, &i, &none, false);
		int error = sender_write(&i, a[4], a[5]);
		result = error ? error : result;
	}
	name_put(i.from);
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
