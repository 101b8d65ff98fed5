/* SPDX-License-Identifier: MIT */
/* See text_fs.h. An inode's number is its entry, a minor number and its object; nothing else is known of it. */
#include "fs/text_fs.h"

#include <stdarg.h>

#define TEXT_MAX 65536u
#define TEXT_MAX_LONG (8 * TEXT_MAX) /* a thousand areas in detail, or some thousand connections */
#define FIRST_OBJECT 256u /* of the positions in a directory: before it the table's */

static const struct inode_ops text_inode_ops, text_link_ops;
static const struct file_ops text_file_ops, text_dir_ops;

static uint64_t number_of(unsigned entry, uint32_t object, uint32_t minor)
{
	return (uint64_t)object << 32 | (uint64_t)(minor & 0xfffff) << 8 | (entry + 1);
}

unsigned text_entry_of(const struct inode *inode)
{
	return (unsigned)(inode->number & 0xff) - 1;
}

uint32_t text_object_of(const struct inode *inode)
{
	return (uint32_t)(inode->number >> 32);
}

uint32_t text_minor_of(const struct inode *inode)
{
	return (uint32_t)(inode->number >> 8) & 0xfffff;
}

static const struct text_fs *fs_of(const struct inode *inode)
{
	return inode->super->private;
}

const struct text_entry *text_entry_at(const struct inode *inode)
{
	return &fs_of(inode)->entries[text_entry_of(inode)];
}

bool text_is_directory(const struct file *f)
{
	return f->ops == &text_dir_ops;
}

void text_add(struct text *t, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	size_t room = t->size - t->length;
	size_t n = (size_t)format_text_va(t->buffer + t->length, room, format, arguments);
	va_end(arguments);
	t->length += n < room ? n : room ? room - 1 : 0;
}

void text_bytes(struct text *t, const void *bytes, size_t count)
{
	count = count < t->size - t->length ? count : t->size - t->length;
	memcpy(t->buffer + t->length, bytes, count);
	t->length += count;
}

static int node_make(struct super *super, unsigned entry, uint32_t object, uint32_t minor, struct inode **out)
{
	const struct text_fs *fs = super->private;
	const struct text_entry *e = &fs->entries[entry];
	struct inode *inode = inode_create(super, number_of(entry, object, minor), e->mode);
	if (!inode) {
		return -ENOMEM;
	}
	inode->links = S_IS(e->mode, S_IFDIR) ? 2 : 1;
	inode->ops = S_IS(e->mode, S_IFLNK) ? &text_link_ops : &text_inode_ops;
	inode->file_ops = S_IS(e->mode, S_IFDIR) ? &text_dir_ops : &text_file_ops;
	int error = fs->fill ? fs->fill(inode) : 0;
	if (error) {
		inode_put(inode);
		return error;
	}
	*out = inode;
	return 0;
}

static bool entry_is_in(const struct text_fs *fs, unsigned entry, unsigned in)
{
	const struct text_entry *e = &fs->entries[entry];
	return fs->is_in ? fs->is_in(e, in) : e->in == in;
}

bool text_find_by_names(const struct inode *dir, const char *name, unsigned length, struct text_name *n)
{
	const struct text_fs *fs = fs_of(dir);
	for (uint32_t from = 0; fs->next(dir, from, n); from = n->number + 1) {
		if (strlen(n->name) == length && memcmp(n->name, name, length) == 0) {
			return true;
		}
	}
	return false;
}

static int text_lookup(struct inode *dir, const char *name, unsigned length, struct inode **out)
{
	const struct text_fs *fs = fs_of(dir);
	struct text_name n = { .object = text_object_of(dir) };
	unsigned in = text_entry_at(dir)->is, entry = fs->named;
	while (entry < fs->count && !(entry_is_in(fs, entry, in) && strlen(fs->entries[entry].name) == length &&
				      memcmp(fs->entries[entry].name, name, length) == 0)) {
		entry++;
	}
	n.entry = entry;
	if (entry == fs->count && !fs->find(dir, name, length, &n)) {
		return -ENOENT;
	}
	return node_make(dir->super, n.entry, n.object, n.minor, out);
}

/* As of a directory on a disk: its two names, and ".." of each directory below. */
static uint32_t text_links(const struct inode *inode)
{
	const struct text_fs *fs = fs_of(inode);
	struct text_name n;
	uint32_t links = inode->links;
	unsigned is = text_entry_at(inode)->is;
	for (unsigned i = fs->named; i < fs->count; i++) {
		links += entry_is_in(fs, i, is) && S_IS(fs->entries[i].mode, S_IFDIR);
	}
	for (uint32_t from = 0; fs->next(inode, from, &n) && S_IS(fs->entries[n.entry].mode, S_IFDIR); from = n.number + 1) {
		links++;
	}
	return links;
}

static long text_readlink(struct inode *inode, char *target, size_t size)
{
	text_writer lead = text_entry_at(inode)->write;
	struct text t = { .buffer = target, .size = size };
	int error = lead(text_object_of(inode), &t);
	return error ? error : (long)t.length;
}

static const struct inode_ops text_inode_ops = { .lookup = text_lookup, .links = text_links };
static const struct inode_ops text_link_ops = { .readlink = text_readlink };

static int text_make(struct file *f)
{
	const struct text_entry *e = text_entry_at(f->inode);
	struct text t = { .size = e->is_long ? TEXT_MAX_LONG : TEXT_MAX };
	t.buffer = kmalloc(t.size);
	if (!t.buffer) {
		return -ENOMEM;
	}
	int error = e->write(text_object_of(f->inode), &t);
	struct text *made = error ? NULL : kmalloc(sizeof(t) + t.length);
	if (made) {
		*made = t;
		made->buffer = (char *)(made + 1);
		memcpy(made->buffer, t.buffer, t.length);
		kfree(f->private);
		f->private = made;
	}
	kfree(t.buffer);
	return error ? error : made ? 0 : -ENOMEM;
}

/* A program that goes back to the start, or reads there by pread(2), wants to see what is true now. */
static long text_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	uint64_t n = 0;
	mutex_lock(&f->inode->mutex);
	int error = *offset == 0 || !f->private ? text_make(f) : 0;
	const struct text *t = f->private;
	if (!error && *offset < t->length) {
		n = bytes < t->length - *offset ? bytes : t->length - *offset;
		memcpy(buffer, t->buffer + *offset, n);
		*offset += n;
	}
	mutex_unlock(&f->inode->mutex);
	return error ? error : (long)n;
}

static long text_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	const struct text_entry *e = text_entry_at(f->inode);
	int error = e->store ? e->store(text_object_of(f->inode), buffer, bytes) : -EACCES;
	return error ? error : (long)bytes;
}

static void text_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops text_file_ops = { .read = text_read, .write = text_write, .release = text_release };

typedef bool (*emit_function)(void *, const char *, unsigned, uint64_t, unsigned);

/* Positions: 0 and 1 "." and "..", then the table, then from FIRST_OBJECT on the objects' numbers. */
static bool emit_entry(struct file *f, void *context, emit_function emit)
{
	const struct text_fs *fs = fs_of(f->inode);
	if (f->offset < 2) {
		return emit(context, "..", (unsigned)f->offset + 1, f->inode->number, DT_DIR);
	}
	unsigned i = (unsigned)f->offset - 2 + fs->named;
	if (i >= fs->count || !entry_is_in(fs, i, text_entry_at(f->inode)->is)) {
		return true;
	}
	const struct text_entry *e = &fs->entries[i];
	return emit(context, e->name, (unsigned)strlen(e->name), number_of(i, text_object_of(f->inode), 0), DT_OF_MODE(e->mode));
}

static long text_readdir(struct file *f, void *context, emit_function emit)
{
	const struct text_fs *fs = fs_of(f->inode);
	struct text_name n;
	for (; f->offset < FIRST_OBJECT; f->offset++) {
		if (!emit_entry(f, context, emit)) {
			return 0;
		}
	}
	while (fs->next(f->inode, (uint32_t)(f->offset - FIRST_OBJECT), &n)) {
		uint64_t before = f->offset;
		f->offset = FIRST_OBJECT + (uint64_t)n.number;
		if (!emit(context, n.name, (unsigned)strlen(n.name), number_of(n.entry, n.object, n.minor), DT_OF_MODE(fs->entries[n.entry].mode))) {
			f->offset = before > f->offset ? before : f->offset;
			return 0;
		}
		f->offset++;
	}
	return 0;
}

static const struct file_ops text_dir_ops = { .readdir = text_readdir };

static void text_unmount(struct super *super)
{
	kfree(super);
}

static const struct super_ops text_super_ops = { .unmount = text_unmount };

int text_super_open(const struct text_fs *fs, struct super **out)
{
	struct inode *root;
	struct super *super = super_create(fs->type, fs->magic, fs->type);
	if (!super) {
		return -ENOMEM;
	}
	super->ops = &text_super_ops;
	super->uncached = true;
	super->private = (void *)(uintptr_t)fs;
	int error = node_make(super, 0, 0, 0, &root);
	if (!error && !dentry_root_create(super, root)) {
		inode_put(root);
		error = -ENOMEM;
	}
	if (error) {
		kfree(super);
		return error;
	}
	*out = super;
	return 0;
}
