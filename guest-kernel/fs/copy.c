/* SPDX-License-Identifier: MIT */
/*
 * Copies inside the kernel: sendfile, copy_file_range. To a connection a file's pages go as they are, with no copy. Also what synchronizes
 * single files.
 */
#include "base/string.h"
#include "kernel/reserve.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define CHUNK 65536u

/* Returns what was written; what was read and not written is not consumed, for files that can seek. */
static long copy_between(struct file *in, uint64_t *in_offset, struct file *out, uint64_t *out_offset, uint64_t bytes)
{
	uint64_t size = bytes < CHUNK ? bytes : CHUNK, done = 0;
	char *chunk = kmalloc(size ? size : 1);
	long n = chunk ? 0 : -ENOMEM;
	while (chunk && done < bytes && !signal_pending()) {
		reserve_renew();
		uint64_t want = bytes - done < size ? bytes - done : size, at = *in_offset;
		n = file_read(in, (struct io_buffer){ false, (uint64_t)chunk }, want, &at);
		if (n <= 0) {
			break;
		}
		n = file_write(out, (struct io_buffer){ false, (uint64_t)chunk }, (uint64_t)n, out_offset);
		if (n <= 0) {
			break;
		}
		*in_offset += (uint64_t)n;
		done += (uint64_t)n;
	}
	kfree(chunk);
	return done ? (long)done : n;
}

static void pages_put(struct page **pages, unsigned from, unsigned count)
{
	for (unsigned i = from; i < count; i++) {
		page_put(pages[i]);
	}
}

/* Up to date: the first page, read if need be, and those behind it that are in memory already. How many, 0 at the end. */
static int pages_get(struct file *in, uint64_t index, uint64_t last, struct page *pages[PAGE_PARTS])
{
	int error = file_page(in, index, false, &pages[0]);
	if (error) {
		return error == -ENXIO ? 0 : error;
	}
	unsigned have = last > index ? file_pages_cached(in, index + 1, last, &pages[1], PAGE_PARTS - 1) + 1 : 1, count = 1;
	while (count < have && pages[count]->index == index + count) {
		count++;
	}
	pages_put(pages, count, have);
	return (int)count;
}

bool file_gives_pages(const struct file *f)
{
	return file_is_mappable(f) && !(f->flags & O_DIRECT);
}

int file_parts(struct file *in, uint64_t at, uint64_t bytes, struct page_part parts[PAGE_PARTS], uint64_t *gathered)
{
	struct page *pages[PAGE_PARTS];
	uint64_t size = file_size(in);
	*gathered = 0;
	if (at >= size) {
		return 0;
	}
	uint64_t end = bytes < size - at ? at + bytes : size;
	int count = pages_get(in, at / PAGE_SIZE, (end - 1) / PAGE_SIZE, pages);
	for (int i = 0; i < count; i++) {
		uint64_t offset = at % PAGE_SIZE, n = PAGE_SIZE - offset < end - at ? PAGE_SIZE - offset : end - at;
		if (!page_cache_reach(in->inode, &pages[i])) {
			pages_put(pages, (unsigned)i, (unsigned)count);
			return i ? i : -EOPNOTSUPP;
		}
		parts[i] = (struct page_part){ pages[i], (uint32_t)offset, (uint32_t)n };
		at += n;
		*gathered += n;
	}
	return count;
}

/* As copy_between(), without a copy. -EOPNOTSUPP: that cannot be. */
static long pages_between(struct file *in, uint64_t *offset, struct file *out, uint64_t bytes)
{
	struct page_part parts[PAGE_PARTS];
	uint64_t done = 0;
	long n = 0;
	while (done < bytes && !signal_pending()) {
		uint64_t gathered;
		reserve_renew();
		int count = file_parts(in, *offset, bytes - done, parts, &gathered);
		n = count > 0 ? out->ops->send_pages(out, parts, (unsigned)count, gathered < bytes - done) : count;
		for (int i = 0; i < count; i++) {
			page_put(parts[i].page);
		}
		if (n <= 0) {
			break;
		}
		*offset += (uint64_t)n;
		done += (uint64_t)n;
	}
	return done ? (long)done : n;
}

static long transfer_between(struct file *in, uint64_t *in_offset, struct file *out, uint64_t *out_offset, uint64_t bytes)
{
	bool whole = out->ops && out->ops->send_pages && file_gives_pages(in);
	long n = whole ? pages_between(in, in_offset, out, bytes) : -EOPNOTSUPP;
	return n == -EOPNOTSUPP ? copy_between(in, in_offset, out, out_offset, bytes) : n;
}

static int offset_get(uint64_t user, struct file *f, uint64_t *offset)
{
	*offset = f->offset;
	return user ? user_read(offset, user, sizeof(*offset)) : 0;
}

static void offset_set(uint64_t user, struct file *f, uint64_t offset)
{
	if (!user) {
		f->offset = offset;
	} else if (user_write(user, &offset, sizeof(offset))) {
		return; /* it could be read from there a moment ago: the copy itself stands */
	}
}

static long copy_files(int in_fd, uint64_t in_user, int out_fd, uint64_t out_user, uint64_t bytes)
{
	struct file *in = file_from_fd(in_fd), *out = file_from_fd(out_fd);
	uint64_t in_offset = 0, out_offset = 0;
	long n = !in || !out || !file_readable(in) || !file_writable(out) ? -EBADF : 0;
	if (!n && (offset_get(in_user, in, &in_offset) || offset_get(out_user, out, &out_offset))) {
		n = -EFAULT;
	}
	if (!n && ((int64_t)in_offset < 0 || (int64_t)out_offset < 0)) {
		n = -EINVAL;
	}
	if (!n) {
		n = transfer_between(in, &in_offset, out, &out_offset, bytes < 0x7ffff000 ? bytes : 0x7ffff000);
	}
	if (n > 0) {
		file_notify(in, false, n);
		file_notify(out, true, n);
		offset_set(in_user, in, in_offset);
		offset_set(out_user, out, out_offset);
	}
	if (in) {
		file_put(in);
	}
	if (out) {
		file_put(out);
	}
	return n;
}

/* /dev/zero, full, random and urandom (null(4), random(4)): null, Linux does not read so either. */
static bool is_source(const struct inode *inode)
{
	return S_IS(inode->mode, S_IFCHR) && inode->major == 1 && (inode->minor == 5 || (inode->minor >= 7 && inode->minor <= 9));
}

long sys_sendfile(const uint64_t a[6])
{
	struct file *in = file_from_fd((int)a[1]);
	bool gives = in && in->inode && (S_IS(in->inode->mode, S_IFREG) || S_IS(in->inode->mode, S_IFBLK) || is_source(in->inode));
	if (in) {
		file_put(in);
	}
	if (!gives && in) {
		return -EINVAL;
	}
	struct file *out = file_from_fd((int)a[0]);
	bool append = out && (out->flags & O_APPEND);
	if (out) {
		file_put(out);
	}
	return append ? -EINVAL : copy_files((int)a[1], a[2], (int)a[0], 0, a[3]);
}

/* Between regular files only, and not within one where the ranges overlap. */
static long range_check(int in_fd, uint64_t in_user, int out_fd, uint64_t out_user, uint64_t bytes)
{
	struct file *in = file_from_fd(in_fd), *out = file_from_fd(out_fd);
	uint64_t from = 0, to = 0;
	long n = !in || !out ? -EBADF : 0;
	if (!n && ((in->inode && S_IS(in->inode->mode, S_IFDIR)) || (out->inode && S_IS(out->inode->mode, S_IFDIR)))) {
		n = -EISDIR;
	} else if (!n && (!in->inode || !out->inode || !S_IS(in->inode->mode, S_IFREG) || !S_IS(out->inode->mode, S_IFREG))) {
		n = -EINVAL;
	} else if (!n && (out->flags & O_APPEND)) {
		n = -EBADF;
	} else if (!n && (offset_get(in_user, in, &from) || offset_get(out_user, out, &to))) {
		n = -EFAULT;
	} else if (!n && in->inode == out->inode && from < to + bytes && to < from + bytes) {
		n = -EINVAL;
	}
	if (in) {
		file_put(in);
	}
	if (out) {
		file_put(out);
	}
	return n;
}

long sys_copy_file_range(const uint64_t a[6])
{
	long error = a[5] ? -EINVAL : range_check((int)a[0], a[1], (int)a[2], a[3], a[4]);
	return error ? error : copy_files((int)a[0], a[1], (int)a[2], a[3], a[4]);
}

static int file_sync(int fd)
{
	struct file *f = file_from_fd(fd);
	if (!f) {
		return -EBADF;
	}
	struct inode *inode = f->inode;
	int error = inode ? 0 : -EINVAL;
	if (!error && (S_IS(inode->mode, S_IFREG) || S_IS(inode->mode, S_IFDIR) || S_IS(inode->mode, S_IFBLK))) {
		struct inode *data = S_IS(inode->mode, S_IFBLK) && f->private ? f->private : inode;
		error = page_cache_flush(data, true);
		if (!error && data->ops && data->ops->sync) {
			error = data->ops->sync(data);
		}
	}
	file_put(f);
	return error;
}

long sys_fsync(const uint64_t a[6])
{
	return file_sync((int)a[0]);
}

long sys_fdatasync(const uint64_t a[6])
{
	return file_sync((int)a[0]);
}

static long advice(int fd)
{
	struct file *f = file_from_fd(fd);
	if (!f) {
		return -EBADF;
	}
	long result = f->inode ? 0 : -ESPIPE;
	file_put(f);
	return result;
}

long sys_sync_file_range(const uint64_t a[6])
{
	if (a[3] & ~7ull) {
		return -EINVAL;
	}
	long error = advice((int)a[0]);
	return error ? error : file_sync((int)a[0]);
}

long sys_syncfs(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f) {
		return -EBADF;
	}
	int error = 0;
	if (f->inode) {
		inodes_flush(f->inode->super);
		const struct super_ops *ops = f->inode->super->ops;
		error = ops && ops->sync ? ops->sync(f->inode->super) : 0;
	}
	file_put(f);
	return error;
}

long sys_fadvise64(const uint64_t a[6])
{
	long error = advice((int)a[0]);
	return error ? error : a[3] > 5 ? -EINVAL : 0;
}

long sys_readahead(const uint64_t a[6])
{
	long error = advice((int)a[0]);
	return error == -ESPIPE ? -EINVAL : error;
}
