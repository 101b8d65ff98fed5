/* SPDX-License-Identifier: MIT */
/*
 * read(2), write(2) and their relatives. Regular files are copied straight between the page cache and the user; for other files
 * the operations take kernel memory, so the bytes pass through a buffer: on the stack if few, else of up to 64 KiB.
 * A file with a poll operation may block: after the first piece more is read only while there is more.
 */
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/poll.h"
#include "kernel/reserve.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define SMALL 256u
#define CHUNK_MAX 65536u
#define TRANSFER_MAX 0x7ffff000ull /* as Linux */
#define VECTORS_MAX 1024u

static long regular_read(struct file *f, struct io_buffer to, uint64_t bytes, uint64_t *offset)
{
	if (S_IS(f->inode->mode, S_IFDIR)) {
		return -EISDIR;
	}
	long n = f->flags & O_DIRECT ? direct_read(f->inode, to, bytes, *offset) : page_cache_read(f->inode, to, bytes, *offset);
	if (n > 0) {
		*offset += (uint64_t)n;
	}
	return n;
}

int file_size_limit(uint64_t at, uint64_t *bytes)
{
	struct process *p = process_current();
	uint64_t limit = p ? p->rlimits[RLIMIT_FSIZE].soft : UINT64_MAX;
	if (*bytes > 0 && at >= limit) {
		signal_send_process(p, SIGXFSZ);
		return -EFBIG;
	}
	*bytes = *bytes < limit - at ? *bytes : limit - at;
	return 0;
}

static long regular_write(struct file *f, struct io_buffer from, uint64_t bytes, uint64_t *offset)
{
	struct inode *inode = f->inode;
	if (bytes == 0) {
		return 0;
	}
	mutex_lock(&inode->mutex);
	uint64_t at = f->flags & O_APPEND ? inode->size : *offset;
	long n = (int64_t)at < 0 || (int64_t)(at + bytes) < 0 ? -EFBIG : !S_IS(inode->mode, S_IFREG) ? 0 : file_size_limit(at, &bytes);
	n = n || !inode->seals ? n : inode_sealed_write(inode, at, &bytes);
	n = n ? n : page_cache_write(inode, from, bytes, at);
	if (n > 0) {
		*offset = at + (uint64_t)n;
		if (!inode->mapping.device) {
			inode->sectors = inode->mapping.page_count * (PAGE_SIZE / 512);
		}
		if (!capable(CAP_FSETID)) {
			inode_drop_set_id(inode);
		}
		inode_modified(inode);
	}
	mutex_unlock(&inode->mutex);
	if (n > 0 && (f->flags & (O_DSYNC | O_DIRECT))) {
		int error = page_cache_flush(inode, true);
		error = error || !inode->ops->sync || !(f->flags & O_DSYNC) ? error : inode->ops->sync(inode);
		n = error ? error : n;
	}
	return n;
}

static long op_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	return regular_read(f, (struct io_buffer){ false, (uint64_t)buffer }, bytes, offset);
}

static long op_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	return regular_write(f, (struct io_buffer){ false, (uint64_t)buffer }, bytes, offset);
}

const struct file_ops regular_file_ops = { .read = op_read, .write = op_write, .readdir = ext4_file_readdir };

static void *chunk_alloc(uint64_t bytes, char *small, uint64_t *size)
{
	if (bytes <= SMALL) {
		*size = bytes;
		return small;
	}
	*size = bytes < CHUNK_MAX ? bytes : CHUNK_MAX;
	void *chunk = kmalloc(*size);
	if (!chunk) {
		*size = SMALL;
		return small;
	}
	return chunk;
}

static long bounced_read(struct file *f, struct io_buffer to, uint64_t bytes, uint64_t *offset)
{
	char small[SMALL];
	uint64_t size, done = 0;
	char *chunk = chunk_alloc(bytes, small, &size);
	long n = 0;
	do {
		reserve_renew();
		uint64_t want = bytes - done < size ? bytes - done : size;
		n = f->ops->read(f, chunk, want, offset);
		if (n > 0 && io_copy_out(to, done, chunk, (uint64_t)n)) {
			if (file_is_pipe(f)) {
				pipe_give_back(f, chunk, (uint32_t)n);
			}
			n = -EFAULT;
		}
		done += n > 0 ? (uint64_t)n : 0;
		if (n < (long)want) {
			break;
		}
	} while (done < bytes && !signal_pending() && (!f->ops->poll || (f->ops->poll(f, NULL) & POLLIN)));
	if (chunk != small) {
		kfree(chunk);
	}
	return done ? (long)done : n;
}

static long bounced_write(struct file *f, struct io_buffer from, uint64_t bytes, uint64_t *offset)
{
	char small[SMALL];
	uint64_t size, done = 0;
	char *chunk = chunk_alloc(bytes, small, &size);
	long n = 0;
	do {
		reserve_renew();
		uint64_t want = bytes - done < size ? bytes - done : size;
		n = io_copy_in(chunk, from, done, want) ? -EFAULT : f->ops->write(f, chunk, want, offset);
		done += n > 0 ? (uint64_t)n : 0;
		if (n < (long)want) {
			break;
		}
	} while (done < bytes && !signal_pending());
	if (chunk != small) {
		kfree(chunk);
	}
	return done ? (long)done : n;
}

long file_read(struct file *f, struct io_buffer to, uint64_t bytes, uint64_t *offset)
{
	if (f->ops == &regular_file_ops) {
		return regular_read(f, to, bytes, offset);
	}
	if (!f->ops || !f->ops->read) {
		return f->inode && S_IS(f->inode->mode, S_IFDIR) ? -EISDIR : -EINVAL;
	}
	if (!to.user) {
		return f->ops->read(f, (void *)to.address, bytes, offset);
	}
	return bounced_read(f, to, bytes, offset);
}

long file_write(struct file *f, struct io_buffer from, uint64_t bytes, uint64_t *offset)
{
	if (f->ops == &regular_file_ops) {
		return regular_write(f, from, bytes, offset);
	}
	if (!f->ops || !f->ops->write) {
		return -EINVAL;
	}
	if (!from.user) {
		return f->ops->write(f, (const void *)from.address, bytes, offset);
	}
	return bounced_write(f, from, bytes, offset);
}

static long transfer(struct file *f, bool write, uint64_t address, uint64_t bytes, uint64_t *offset)
{
	struct io_buffer buffer = { true, address };
	bytes = bytes < TRANSFER_MAX ? bytes : TRANSFER_MAX;
	if (address + bytes < address || address + bytes > USER_END) {
		return -EFAULT;
	}
	if (write ? !file_writable(f) : !file_readable(f)) {
		return -EBADF;
	}
	if (f->ops && f->ops->transfer) {
		struct io_vector one = { address, bytes };
		return f->ops->transfer(f, write, &one, 1);
	}
	long n = write ? file_write(f, buffer, bytes, offset) : file_read(f, buffer, bytes, offset);
	file_notify(f, write, n);
	return n;
}

/* Who reads or writes a regular file at its own offset has it alone, so that no two get the same bytes (POSIX 2.9.7). Others may block. */
static bool is_regular(const struct file *f)
{
	return f->inode && S_IS(f->inode->mode, S_IFREG);
}

static bool position_lock(struct file *f)
{
	if (!is_regular(f) && !(f->inode && S_IS(f->inode->mode, S_IFDIR))) {
		return false;
	}
	mutex_lock(&f->position);
	return true;
}

static void position_unlock(struct file *f, bool locked)
{
	if (locked) {
		mutex_unlock(&f->position);
	}
}

static inline long transfer_moving(struct file *f, bool write, uint64_t address, uint64_t bytes)
{
	uint64_t offset = f->offset;
	long n = transfer(f, write, address, bytes, &offset);
	if (n > 0) {
		f->offset = offset;
	}
	return n;
}

static __attribute__((noinline)) long transfer_alone(struct file *f, bool write, uint64_t address, uint64_t bytes)
{
	mutex_lock(&f->position);
	long n = transfer_moving(f, write, address, bytes);
	mutex_unlock(&f->position);
	return n;
}

/* For /proc/PID/io. */
static inline void account(bool write, long n)
{
	struct usage *usage = &thread_current()->usage;
	if (write) {
		usage->writes++;
		usage->written_bytes += n > 0 ? (uint64_t)n : 0;
	} else {
		usage->reads++;
		usage->read_bytes += n > 0 ? (uint64_t)n : 0;
	}
}

static inline long transfer_here(int fd, bool write, uint64_t address, uint64_t bytes)
{
	bool counted;
	struct file *f = fd_borrow(fd, &counted);
	if (!f) {
		return -EBADF;
	}
	long n = is_regular(f) ? transfer_alone(f, write, address, bytes) : transfer_moving(f, write, address, bytes);
	account(write, n);
	fd_return(f, counted);
	return n;
}

static bool seekable(const struct file *f)
{
	return f->inode && !S_IS(f->inode->mode, S_IFIFO) && !S_IS(f->inode->mode, S_IFSOCK) &&
	       !(S_IS(f->inode->mode, S_IFCHR) && f->ops && f->ops->poll);
}

static long transfer_at(int fd, bool write, uint64_t address, uint64_t bytes, uint64_t offset)
{
	bool counted;
	struct file *f = fd_borrow(fd, &counted);
	if (!f) {
		return -EBADF;
	}
	long n = !seekable(f) ? -ESPIPE : (int64_t)offset < 0 ? -EINVAL : transfer(f, write, address, bytes, &offset);
	account(write, n);
	fd_return(f, counted);
	return n;
}

long sys_read(const uint64_t a[6])
{
	return transfer_here((int)a[0], false, a[1], a[2]);
}

long sys_write(const uint64_t a[6])
{
	return transfer_here((int)a[0], true, a[1], a[2]);
}

long sys_pread64(const uint64_t a[6])
{
	return transfer_at((int)a[0], false, a[1], a[2], a[3]);
}

long sys_pwrite64(const uint64_t a[6])
{
	return transfer_at((int)a[0], true, a[1], a[2], a[3]);
}

static long transfer_vectors(int fd, bool write, uint64_t user, uint64_t count, bool here, uint64_t offset)
{
	struct file *f = file_from_fd(fd);
	struct io_vector few[8], *vectors = few;
	long done = 0, n = !f ? -EBADF : count > VECTORS_MAX ? -EINVAL : 0;
	if (!n && count > 8) {
		vectors = kmalloc(count * sizeof(*vectors));
		n = vectors ? 0 : -ENOMEM;
	}
	if (!n && count && user_read(vectors, user, count * sizeof(*vectors))) {
		n = -EFAULT;
	}
	for (uint64_t i = 0; !n && i < count; i++) {
		n = (int64_t)vectors[i].length < 0 ? -EINVAL : 0;
	}
	if (!n && !here) {
		n = !seekable(f) ? -ESPIPE : (int64_t)offset < 0 ? -EINVAL : 0;
	}
	if (!n && count && f->ops && f->ops->transfer) {
		n = f->ops->transfer(f, write, vectors, (unsigned)count);
		count = 0;
	}
	bool locked = here && !n && position_lock(f);
	uint64_t at = here && f ? f->offset : offset;
	for (uint64_t i = 0; !n && i < count; i++) {
		if (vectors[i].length == 0) {
			continue;
		}
		reserve_renew();
		if (done > 0 && !write && f->ops && f->ops->poll && !(f->ops->poll(f, NULL) & POLLIN)) {
			break;
		}
		uint64_t left = TRANSFER_MAX - (uint64_t)done;
		long got = transfer(f, write, vectors[i].base, vectors[i].length < left ? vectors[i].length : left, &at);
		if (got < 0) {
			n = done ? 0 : got;
			break;
		}
		done += got;
		if ((uint64_t)got < vectors[i].length) {
			break;
		}
	}
	if (done > 0 && here) {
		f->offset = at;
	}
	position_unlock(f, locked);
	if (vectors != few) {
		kfree(vectors);
	}
	if (f) {
		file_put(f);
	}
	account(write, done);
	return done ? done : n;
}

long sys_readv(const uint64_t a[6])
{
	return transfer_vectors((int)a[0], false, a[1], a[2], true, 0);
}

long sys_writev(const uint64_t a[6])
{
	return transfer_vectors((int)a[0], true, a[1], a[2], true, 0);
}

long sys_preadv(const uint64_t a[6])
{
	return transfer_vectors((int)a[0], false, a[1], a[2], false, a[3]);
}

long sys_pwritev(const uint64_t a[6])
{
	return transfer_vectors((int)a[0], true, a[1], a[2], false, a[3]);
}

#define RWF_KNOWN 9ull /* RWF_HIPRI and RWF_NOWAIT, advice; RWF_DSYNC and RWF_SYNC would be promises */

long sys_preadv2(const uint64_t a[6])
{
	if (a[5] & ~RWF_KNOWN) {
		return -EOPNOTSUPP;
	}
	return transfer_vectors((int)a[0], false, a[1], a[2], (int64_t)a[3] == -1, a[3]);
}

long sys_pwritev2(const uint64_t a[6])
{
	if (a[5] & ~RWF_KNOWN) {
		return -EOPNOTSUPP;
	}
	return transfer_vectors((int)a[0], true, a[1], a[2], (int64_t)a[3] == -1, a[3]);
}

/* SEEK_DATA and SEEK_HOLE: where the next stretch of that kind begins; the end of the file is a hole. */
static long seek_stretch(struct inode *inode, uint64_t offset, bool hole)
{
	if (offset >= inode->size) {
		return -ENXIO;
	}
	if (!inode->mapping.device) {
		return page_cache_seek(inode, offset, hole);
	}
	while (offset < inode->size) {
		struct block_map map;
		int error = inode->ops->map(inode, offset, inode->size - offset, false, &map);
		if (error) {
			return error;
		}
		if (map.mapped != hole) {
			return (long)offset;
		}
		offset += map.bytes;
	}
	return hole ? (long)inode->size : -ENXIO;
}

static long seek_to(struct file *f, int64_t offset, unsigned whence)
{
	int64_t base = 0;
	if (!f->inode && !file_is_pipe(f) && f->ops != &socket_file_ops) {
		return 0; /* there is no position: as on Linux that is no error */
	}
	if (!seekable(f)) {
		return -ESPIPE;
	}
	switch (whence) {
	case 0:
		break;
	case 1:
		base = (int64_t)f->offset;
		break;
	case 2:
		base = (int64_t)f->inode->size;
		break;
	case 3:
	case 4:
		if (offset < 0 || !S_IS(f->inode->mode, S_IFREG) || f->ops != &regular_file_ops) {
			return offset < 0 ? -ENXIO : -EINVAL;
		}
		return seek_stretch(f->inode, (uint64_t)offset, whence == 4);
	default:
		return -EINVAL;
	}
	int64_t to;
	return __builtin_add_overflow(base, offset, &to) || to < 0 ? -EINVAL : to;
}

long sys_lseek(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f || (f->flags & O_PATH)) {
		if (f) {
			file_put(f);
		}
		return -EBADF;
	}
	bool locked = position_lock(f);
	long to = seek_to(f, (int64_t)a[1], (unsigned)a[2]);
	if (to >= 0) {
		f->offset = (uint64_t)to;
	}
	position_unlock(f, locked);
	file_put(f);
	return to;
}
