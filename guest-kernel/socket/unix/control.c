/* SPDX-License-Identifier: MIT */
/* The control messages of AF_UNIX: SCM_RIGHTS and SCM_CREDENTIALS (unix(7)). */
#include "socket/unix/unix.h"

#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/user.h"

#define RIGHTS_MAX 253u
#define HEADER_BYTES 16u
#define ALIGN8(n) (((n) + 7) & ~7ull)

enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };

struct control_header { /* struct cmsghdr */
	uint64_t length;
	int level, type;
};

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

/* One may name oneself, by any of one's users and groups; who has the privilege for it whom it likes. */
static int id_read(const char *data, uint64_t bytes, struct sender_id *id)
{
	const struct process *p = process_current();
	const struct credentials *c = &p->credentials;
	struct sender_id in;
	if (bytes != sizeof(in)) {
		return -EINVAL;
	}
	memcpy(&in, data, sizeof(in));
	bool may_pid = in.pid == p->pid || capable(CAP_SYS_ADMIN);
	bool may_uid = in.uid == c->uid || in.uid == c->euid || in.uid == c->suid || capable(CAP_SETUID);
	bool may_gid = in.gid == c->gid || in.gid == c->egid || in.gid == c->sgid || capable(CAP_SETGID);
	if (!may_pid || !may_uid || !may_gid) {
		return -EPERM;
	}
	spin_lock(&process_lock);
	bool exists = process_find_locked(in.pid) != NULL;
	spin_unlock(&process_lock);
	*id = in;
	return exists ? 0 : -ESRCH;
}

int unix_control(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes)
{
	if (level != SOL_SOCKET) {
		return 0;
	}
	return type == SCM_RIGHTS ? rights_read(data, bytes, &o->rights) : type == SCM_CREDENTIALS ? id_read(data, bytes, &o->id) : -EINVAL;
}

void unix_refuse(struct socket *s, struct outgoing *o)
{
	rights_drop(o->rights);
}

void unix_leave(struct socket *s, struct incoming *i)
{
	for (unsigned k = 0; k < i->rights->count; k++) {
		file_put(i->rights->files[k]);
	}
	kfree(i->rights);
	i->rights = NULL;
}

/* As many as there is room and descriptors for; the others are closed. */
static int rights_install(struct control_room *c, struct rights *r)
{
	uint64_t room = c->left > HEADER_BYTES ? (c->left - HEADER_BYTES) / sizeof(int) : 0;
	unsigned done = 0, used = 0;
	int error = 0;
	while (used < r->count && used < room && !error) {
		int fd = fd_install(r->files[used++], c->close_on_exec);
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

int unix_extras(struct socket *s, struct incoming *i, struct control_room *room)
{
	int error = i->has_id && s->pass_id ? control_put(room, SOL_SOCKET, SCM_CREDENTIALS, &i->id, sizeof(i->id)) : 0;
	if (i->rights) {
		int failed = rights_install(room, i->rights);
		error = error ? error : failed;
		kfree(i->rights);
		i->rights = NULL;
	}
	return error;
}
