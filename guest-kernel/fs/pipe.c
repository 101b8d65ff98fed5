/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs: a ring of bytes with two wait queues. One page to begin with; a writer that fills it grows it to the pipe's limit, which
 * is 64 KiB unless fcntl has set another. Pages of files may follow the ring's bytes (pipe_splice.c); whoever reads or writes finds bytes.
 * Writes of at most PIPE_BUF bytes are atomic: they wait until all of it fits. No reader left: SIGPIPE and EPIPE.
 */
#include "pipe_internal.h"

#include "kernel/capability.h"
#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define PIPE_FIRST 4096u
#define PIPE_FULL 65536u
#define PIPE_MAX (1u << 20)
#define FIONREAD 0x541bu

static struct pipe *pipe_create(void)
{
	struct pipe *p = kzalloc(sizeof(*p));
	char *ring = kmalloc(PIPE_FIRST);
	if (!p || !ring) {
		kfree(p);
		kfree(ring);
		return NULL;
	}
	spin_init(&p->lock, "pipe");
	waitq_init(&p->read_queue);
	waitq_init(&p->write_queue);
	p->ring = ring;
	p->size = PIPE_FIRST;
	p->limit = PIPE_FULL;
	return p;
}

static void pipe_put(struct pipe *p)
{
	spin_lock(&p->lock);
	bool last = --p->references == 0;
	spin_unlock(&p->lock);
	if (last) {
		pipe_pages_drop(p);
		kfree(p->ring);
		kfree(p);
	}
}

/* Another ring, if all that is in it, and what is to come back, fits; `ring` becomes what is to be freed. */
static bool ring_replace_locked(struct pipe *p, char **ring, uint32_t size)
{
	char *old = p->ring;
	uint32_t used = p->used;
	if (used + p->held > size) {
		return false;
	}
	pipe_ring_copy(p, *ring, used);
	p->ring = *ring;
	p->start = 0;
	p->size = size;
	*ring = old;
	return true;
}

bool pipe_ring_grow(struct pipe *p)
{
	uint32_t size = __atomic_load_n(&p->limit, __ATOMIC_RELAXED);
	char *ring = kmalloc(size);
	if (!ring) {
		return false;
	}
	spin_lock(&p->lock);
	if (p->size < size && size == p->limit) {
		ring_replace_locked(p, &ring, size);
	}
	spin_unlock(&p->lock);
	kfree(ring);
	return true;
}

static long pipe_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct pipe *p = f->private;
	if (bytes == 0) {
		return 0;
	}
	for (;;) {
		spin_lock(&p->lock);
		pipe_melt_locked(p);
		bool was_full = pipe_room(p) < PIPE_BUF;
		uint32_t n = pipe_ring_take(p, buffer, bytes < PIPE_MAX ? (uint32_t)bytes : PIPE_MAX);
		uint32_t writers = p->writers;
		spin_unlock(&p->lock);
		if (n > 0) {
			if (was_full) {
				waitq_wake_all(&p->write_queue);
			}
			return n;
		}
		if (writers == 0) {
			return 0;
		}
		if (f->flags & O_NONBLOCK) {
			return -EAGAIN;
		}
		if (WAIT_EVENT_INTERRUPTIBLE(&p->read_queue, pipe_is_filled(p) || p->writers == 0)) {
			return -ERESTARTSYS;
		}
	}
}

static long pipe_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct pipe *p = f->private;
	uint64_t done = 0;
	while (done < bytes) {
		uint32_t want = bytes - done < PIPE_MAX ? (uint32_t)(bytes - done) : PIPE_MAX;
		uint32_t least = bytes <= PIPE_BUF ? (uint32_t)bytes : 1, n = 0;
		spin_lock(&p->lock);
		uint32_t readers = p->readers;
		bool grow = pipe_room(p) < want && p->size < p->limit;
		pipe_melt_locked(p);
		if (readers > 0 && !grow && pipe_room(p) >= least) {
			n = pipe_ring_put(p, (const char *)buffer + done, want);
		}
		spin_unlock(&p->lock);
		if (readers == 0) {
			signal_broken_pipe();
			return done ? (long)done : -EPIPE;
		}
		if (grow) {
			if (!pipe_ring_grow(p)) {
				return done ? (long)done : -ENOMEM;
			}
			continue;
		}
		done += n;
		if (n > 0) {
			waitq_wake_all(&p->read_queue);
			continue;
		}
		if (f->flags & O_NONBLOCK) {
			return done ? (long)done : -EAGAIN;
		}
		if (WAIT_EVENT_INTERRUPTIBLE(&p->write_queue, pipe_room(p) >= least || p->size < p->limit || p->readers == 0)) {
			return done ? (long)done : -ERESTARTSYS;
		}
	}
	return (long)done;
}

/* A ring with others' bytes in it by now has no room for them in front: then they are lost. */
void pipe_give_back(struct file *f, const char *bytes, uint32_t count)
{
	struct pipe *p = f->private;
	spin_lock(&p->lock);
	if (count <= pipe_room(p)) {
		pipe_ring_return(p, bytes, count);
	}
	spin_unlock(&p->lock);
	waitq_wake_all(&p->read_queue);
}

long pipe_capacity(struct file *f)
{
	return ((struct pipe *)f->private)->limit;
}

/* F_SETPIPE_SZ: a power of two of at least a page, as Linux rounds; a larger one takes effect when a writer needs it. */
long pipe_set_capacity(struct file *f, uint64_t bytes)
{
	struct pipe *p = f->private;
	uint32_t size = PAGE_SIZE;
	if (bytes > PIPE_MAX) {
		return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
	}
	while (size < bytes) {
		size *= 2;
	}
	char *ring = kmalloc(size);
	if (!ring) {
		return -ENOMEM;
	}
	spin_lock(&p->lock);
	bool fits = p->size <= size || ring_replace_locked(p, &ring, size);
	p->limit = fits ? size : p->limit;
	spin_unlock(&p->lock);
	kfree(ring);
	waitq_wake_all(&p->write_queue);
	return fits ? (long)size : -EBUSY;
}

static unsigned pipe_poll(struct file *f, struct poll_table *table)
{
	struct pipe *p = f->private;
	unsigned events = 0;
	if (file_readable(f)) {
		poll_wait(table, &p->read_queue);
	}
	if (file_writable(f)) {
		poll_wait(table, &p->write_queue);
	}
	spin_lock(&p->lock);
	if (file_readable(f)) {
		events |= p->used + p->paged > 0 ? POLLIN | POLLRDNORM : 0;
		events |= p->writers == 0 && (!f->inode || p->writer_opens > 0) ? POLLHUP : 0;
	}
	if (file_writable(f)) {
		events |= p->size < p->limit || pipe_room(p) >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0;
		events |= p->readers == 0 ? POLLERR : 0;
	}
	spin_unlock(&p->lock);
	return events;
}

static long pipe_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	struct pipe *p = f->private;
	if (request != FIONREAD) {
		return -ENOTTY;
	}
	int used = (int)(p->used + p->paged);
	return user_write(argument, &used, sizeof(used));
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->private;
	if (!p) {
		return;
	}
	spin_lock(&p->lock);
	p->readers -= file_readable(f);
	p->writers -= file_writable(f);
	if (p->readers == 0 && p->writers == 0) {
		p->used = 0;
	}
	spin_unlock(&p->lock);
	waitq_wake_all(&p->read_queue);
	waitq_wake_all(&p->write_queue);
	if (f->inode) {
		mutex_lock(&f->inode->mutex);
		if (f->inode->fifo == p && p->readers == 0 && p->writers == 0) {
			f->inode->fifo = NULL; /* every open file has a reference: the last one frees it */
		}
		mutex_unlock(&f->inode->mutex);
	}
	pipe_put(p);
}

/** Each end is said to keep half. */
static uint64_t pipe_held(const struct file *f)
{
	const struct pipe *p = f->private;
	return p ? __atomic_load_n(&p->size, __ATOMIC_RELAXED) / 2 : 0;
}

static const struct file_ops pipe_ops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release, .held = pipe_held,
};
const struct file_ops fifo_file_ops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release, .held = pipe_held,
};

static void pipe_join(struct pipe *p, struct file *f)
{
	spin_lock(&p->lock);
	p->references++;
	p->readers += file_readable(f);
	p->writers += file_writable(f);
	p->reader_opens += file_readable(f);
	p->writer_opens += file_writable(f);
	spin_unlock(&p->lock);
	f->private = p;
	waitq_wake_all(&p->read_queue);
	waitq_wake_all(&p->write_queue);
}

/* A side that comes first waits for the other, but for O_RDWR, and O_NONBLOCK, which a writer without reader may not ask for. */
int fifo_open(struct file *f)
{
	struct inode *inode = f->inode;
	mutex_lock(&inode->mutex);
	struct pipe *p = inode->fifo;
	if (!p) {
		p = pipe_create();
		inode->fifo = p;
	}
	if (p && (f->flags & O_NONBLOCK) && (f->flags & O_ACCMODE) == O_WRONLY && p->readers == 0) {
		if (p->references == 0) {
			inode->fifo = NULL;
			p->references = 1;
			pipe_put(p);
		}
		mutex_unlock(&inode->mutex);
		return -ENXIO;
	}
	if (p) {
		pipe_join(p, f);
	}
	uint32_t seen_readers = p ? p->reader_opens : 0, seen_writers = p ? p->writer_opens : 0;
	mutex_unlock(&inode->mutex);
	int error = p ? 0 : -ENOMEM;
	if (!error && !(f->flags & O_NONBLOCK) && (f->flags & O_ACCMODE) == O_RDONLY) {
		error = WAIT_EVENT_INTERRUPTIBLE(&p->read_queue, p->writers > 0 || p->writer_opens != seen_writers);
	} else if (!error && !(f->flags & O_NONBLOCK) && (f->flags & O_ACCMODE) == O_WRONLY) {
		error = WAIT_EVENT_INTERRUPTIBLE(&p->write_queue, p->readers > 0 || p->reader_opens != seen_readers);
	}
	if (error == -EINTR) {
		pipe_release(f);
		error = -ERESTARTSYS;
	}
	return error;
}

static long pipe_open(uint64_t user, unsigned flags)
{
	struct pipe *p;
	int fds[2];
	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
		return -EINVAL;
	}
	p = pipe_create();
	if (!p) {
		return -ENOMEM;
	}
	p->references = 1; /* ours, until both ends have theirs */
	struct file *in = file_alloc(&pipe_ops, O_RDONLY | (flags & O_NONBLOCK), NULL);
	struct file *out = file_alloc(&pipe_ops, O_WRONLY | (flags & O_NONBLOCK), NULL);
	long error = in && out ? 0 : -ENOMEM;
	if (in) {
		pipe_join(p, in);
	}
	if (out) {
		pipe_join(p, out);
	}
	pipe_put(p);
	fds[0] = error ? -1 : fd_install(in, flags & O_CLOEXEC);
	if (error || fds[0] < 0) {
		if (in && error) {
			file_put(in);
		}
		if (out) {
			file_put(out);
		}
		return error ? error : fds[0];
	}
	fds[1] = fd_install(out, flags & O_CLOEXEC);
	error = fds[1] < 0 ? fds[1] : user_write(user, fds, sizeof(fds));
	if (error) {
		fd_close(fds[0]);
		if (fds[1] >= 0) {
			fd_close(fds[1]);
		}
	}
	return error;
}

long sys_pipe(const uint64_t a[6])
{
	return pipe_open(a[0], 0);
}

long sys_pipe2(const uint64_t a[6])
{
	return pipe_open(a[0], (unsigned)a[1]);
}
