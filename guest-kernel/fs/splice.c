/* SPDX-License-Identifier: MIT */
/*
 * splice(2), tee(2), vmsplice(2). Between a file and a pipe, and a pipe and a connection, pages of the page cache go as they are; all else
 * is copied. What is taken out of a pipe keeps its room there until it has been written elsewhere, and what
 * was not goes back to the front; room in a pipe is kept before bytes are read that could not be given back. So nothing is lost,
 * whatever the other side does.
 */
#include "kernel/reserve.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define MOST 65536u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE 4u
#define FLAGS 0xfull

struct end {
	struct file *file;
	uint64_t user; /* where its offset is; 0: its own */
	uint64_t offset;
	bool pipe;
};

static long to_pipe(struct end *out, const char *bytes, uint32_t count, bool wait)
{
	long room = pipe_reserve(out->file, count, wait);
	if (room > 0) {
		pipe_fill(out->file, bytes, (uint32_t)room, (uint32_t)room);
	}
	return room;
}

/* A connection gets pages as they are. 0: none come next, or it takes none. */
static long pages_from_pipe(struct end *in, struct end *out, uint32_t bytes, bool more)
{
	struct page_part parts[PAGE_PARTS];
	unsigned count = pipe_take_pages(in->file, parts, bytes);
	if (!count) {
		return 0;
	}
	long done = out->file->ops->send_pages(out->file, parts, count, more);
	pipe_settle_pages(in->file, parts, count, done > 0 ? (uint64_t)done : 0);
	return done == -EOPNOTSUPP ? 0 : done;
}

static long bytes_from_pipe(struct end *in, struct end *out, uint32_t bytes, bool wait)
{
	char *buffer = kmalloc(bytes);
	if (!buffer) {
		return -ENOMEM;
	}
	long n = pipe_look(in->file, buffer, bytes, true, wait);
	if (n > 0) {
		long done = out->pipe ? to_pipe(out, buffer, (uint32_t)n, wait) :
					file_write(out->file, (struct io_buffer){ false, (uint64_t)buffer }, (uint64_t)n, &out->offset);
		pipe_settle(in->file, buffer, (uint32_t)n, done > 0 ? (uint32_t)done : 0);
		n = done;
	}
	kfree(buffer);
	return n;
}

static long from_pipe(struct end *in, struct end *out, uint32_t bytes, bool wait, bool more)
{
	long n = pipe_await(in->file, wait);
	if (n > 0) {
		n = out->file->ops && out->file->ops->send_pages ? pages_from_pipe(in, out, bytes, more) : 0;
		n = n ? n : bytes_from_pipe(in, out, bytes, wait);
	}
	return n;
}

/* As many as there is room for; the rest of the room is given back. -EOPNOTSUPP: none of it. */
static long pages_into_pipe(struct end *in, struct end *out, uint32_t room)
{
	struct page_part parts[PAGE_PARTS];
	uint64_t gathered, done = 0, kept = 1;
	int count = 1;
	while (done < room && count > 0 && kept && !signal_pending()) {
		reserve_renew();
		count = file_parts(in->file, in->offset, room - done, parts, &gathered);
		kept = count > 0 ? pipe_put_pages(out->file, parts, (unsigned)count) : 0;
		done += kept;
		in->offset += kept;
	}
	if (!done && (count == -EOPNOTSUPP || count > 0)) {
		return -EOPNOTSUPP;
	}
	pipe_fill(out->file, NULL, 0, room - (uint32_t)done);
	return done ? (long)done : count;
}

static long bytes_into_pipe(struct end *in, struct end *out, uint32_t room)
{
	char *buffer = kmalloc(room);
	long n = buffer ? file_read(in->file, (struct io_buffer){ false, (uint64_t)buffer }, room, &in->offset) : -ENOMEM;
	pipe_fill(out->file, buffer, n > 0 ? (uint32_t)n : 0, room);
	kfree(buffer);
	return n;
}

static long into_pipe(struct end *in, struct end *out, uint32_t bytes, bool wait)
{
	long room = pipe_reserve(out->file, bytes, wait);
	if (room <= 0) {
		return room;
	}
	long n = file_gives_pages(in->file) ? pages_into_pipe(in, out, (uint32_t)room) : -EOPNOTSUPP;
	return n == -EOPNOTSUPP ? bytes_into_pipe(in, out, (uint32_t)room) : n;
}

static bool seeks(const struct file *f)
{
	return f->inode && (S_IS(f->inode->mode, S_IFREG) || S_IS(f->inode->mode, S_IFBLK));
}

static int end_open(struct end *e, int fd, uint64_t user, bool writes)
{
	e->file = file_from_fd(fd);
	if (!e->file || !(writes ? file_writable(e->file) : file_readable(e->file))) {
		return -EBADF;
	}
	e->pipe = file_is_pipe(e->file);
	e->user = user;
	e->offset = e->file->offset;
	if (user && e->pipe) {
		return -ESPIPE;
	}
	if ((user && !seeks(e->file)) || (writes && (e->file->flags & O_APPEND))) {
		return -EINVAL;
	}
	if (user && user_read(&e->offset, user, sizeof(e->offset))) {
		return -EFAULT;
	}
	return (int64_t)e->offset < 0 ? -EINVAL : 0;
}

/* The offset moves on, if anything has moved. */
static int end_close(struct end *e, bool moved)
{
	int error = 0;
	if (moved && e->user) {
		error = user_write(e->user, &e->offset, sizeof(e->offset));
	} else if (moved && seeks(e->file)) {
		e->file->offset = e->offset;
	}
	if (e->file) {
		file_put(e->file);
	}
	return error;
}

static bool may_wait(const struct end *e, uint64_t flags)
{
	return !e->pipe || !((flags & SPLICE_F_NONBLOCK) || (e->file->flags & O_NONBLOCK));
}

long sys_splice(const uint64_t a[6])
{
	struct end in = { 0 }, out = { 0 };
	uint32_t bytes = a[4] < MOST ? (uint32_t)a[4] : MOST;
	if (a[4] == 0 || (a[5] & ~FLAGS)) {
		return a[4] ? -EINVAL : 0;
	}
	long n = end_open(&in, (int)a[0], a[1], false);
	n = n ? n : end_open(&out, (int)a[2], a[3], true);
	if (!n && ((!in.pipe && !out.pipe) || (in.pipe && out.pipe && pipe_same(in.file, out.file)))) {
		n = -EINVAL;
	}
	if (!n) {
		bool wait = may_wait(&in, a[5]) && may_wait(&out, a[5]);
		n = in.pipe ? from_pipe(&in, &out, bytes, wait, a[5] & SPLICE_F_MORE) : into_pipe(&in, &out, bytes, wait);
	}
	if (n > 0) {
		file_notify(in.file, false, n);
		file_notify(out.file, true, n);
	}
	int error = end_close(&in, n > 0), second = end_close(&out, n > 0);
	return error ? error : second ? second : n;
}

long sys_tee(const uint64_t a[6])
{
	struct end in = { 0 }, out = { 0 };
	uint32_t bytes = a[2] < MOST ? (uint32_t)a[2] : MOST;
	if (a[2] == 0 || (a[3] & ~FLAGS)) {
		return a[2] ? -EINVAL : 0;
	}
	long n = end_open(&in, (int)a[0], 0, false);
	n = n ? n : end_open(&out, (int)a[1], 0, true);
	if (!n && (!in.pipe || !out.pipe || pipe_same(in.file, out.file))) {
		n = -EINVAL;
	}
	char *buffer = n ? NULL : kmalloc(bytes);
	if (!n) {
		bool wait = may_wait(&in, a[3]) && may_wait(&out, a[3]);
		n = buffer ? pipe_look(in.file, buffer, bytes, false, wait) : -ENOMEM;
		n = n > 0 ? to_pipe(&out, buffer, (uint32_t)n, wait) : n;
	}
	kfree(buffer);
	end_close(&in, false);
	end_close(&out, false);
	return n;
}

long sys_vmsplice(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	bool pipe = f && file_is_pipe(f), writes = f && file_writable(f);
	if (f) {
		file_put(f);
	}
	return a[3] & ~FLAGS ? -EINVAL : !pipe ? -EBADF : writes ? sys_writev(a) : sys_readv(a);
}
