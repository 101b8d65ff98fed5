/* SPDX-License-Identifier: MIT */
/*
 * Names: create, link, unlink, rename. Each operation checks first; the new name is written before the old one goes, and link
 * counts follow the names, so that whatever is lost in a crash, e2fsck finds every file.
 */
#include "ext4/ext4_internal.h"

#define LINK_MAX 65000u

static void dir_changed(struct ext4_inode *dir)
{
	ext4_now(dir->fs, &dir->mtime);
	dir->ctime = dir->mtime;
	ext4_inode_dirty(dir);
}

static void ctime_now(struct ext4_inode *inode)
{
	ext4_now(inode->fs, &inode->ctime);
	ext4_inode_dirty(inode);
}

static int dir_check(const struct ext4_inode *dir, size_t length)
{
	if (!ext4_is_dir(dir)) {
		return -ENOTDIR;
	}
	if (dir->fs->read_only) {
		return -EROFS;
	}
	if (length > EXT4_NAME_MAX) {
		return -ENAMETOOLONG;
	}
	return dir->links == 0 || length == 0 ? -ENOENT : 0;
}

/* With dir_nlink a directory of more than LINK_MAX links says 1: not counted. */
static int dir_link_check(const struct ext4_inode *dir)
{
	return dir->links >= LINK_MAX && !(dir->fs->super.ro_compat & EXT4_RO_DIR_NLINK) ? -EMLINK : 0;
}

static void dir_link_add(struct ext4_inode *dir)
{
	if (dir->links != 1) {
		dir->links = dir->links >= LINK_MAX ? 1 : dir->links + 1;
	}
	ext4_inode_dirty(dir);
}

static void dir_link_drop(struct ext4_inode *dir)
{
	if (dir->links > 2) {
		dir->links--;
	}
	ext4_inode_dirty(dir);
}

static void inode_abandon(struct ext4_inode *inode)
{
	inode->links = 0;
	ext4_iput(inode);
}

static void device_encode(struct ext4_inode *inode, uint32_t major, uint32_t minor)
{
	struct ext4_disk_inode *d = ext4_inode_raw(inode);
	uint32_t type = inode->mode & EXT4_S_IFMT;
	if (type != EXT4_S_IFCHR && type != EXT4_S_IFBLK) {
		return;
	}
	inode->major = major;
	inode->minor = minor;
	if (major < 256 && minor < 256) {
		d->block[0] = major << 8 | minor;
	} else {
		d->block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
	}
}

static int name_free(struct ext4_inode *dir, const char *name, size_t length)
{
	uint32_t number;
	int error = ext4_lookup(dir, name, length, &number);
	return error == 0 ? -EEXIST : error == -ENOENT ? 0 : error;
}

int ext4_create(struct ext4_inode *dir, const char *name, size_t length, uint32_t mode, uint32_t major, uint32_t minor,
		struct ext4_owner owner, struct ext4_inode **out)
{
	bool directory = (mode & EXT4_S_IFMT) == EXT4_S_IFDIR;
	int error = dir_check(dir, length);
	error = error ? error : name_free(dir, name, length);
	error = error || !directory ? error : dir_link_check(dir);
	if (error) {
		return error;
	}
	struct ext4_inode *inode;
	error = ext4_inode_new(dir->fs, dir, mode, owner, &inode);
	if (error) {
		return error;
	}
	device_encode(inode, major, minor);
	if (directory) {
		inode->links = 2;
		error = ext4_dir_init(inode, dir->number);
	}
	error = error ? error : ext4_dir_add(dir, name, length, inode->number, mode);
	if (error) {
		inode_abandon(inode);
		return error;
	}
	if (directory) {
		dir_link_add(dir);
	}
	dir_changed(dir);
	*out = inode;
	return 0;
}

static int symlink_fill(struct ext4_inode *inode, const char *target, size_t size)
{
	struct ext4_disk_inode *d = ext4_inode_raw(inode);
	struct ext4 *fs = inode->fs;
	if (size < sizeof(d->block)) {
		memcpy(d->block, target, size);
		inode->size = size;
		return 0;
	}
	if (fs->super.incompat & EXT4_INCOMPAT_EXTENTS) {
		*(struct ext4_extent_header *)d->block = (struct ext4_extent_header){ .magic = EXT4_EXTENT_MAGIC, .max = 4 };
		inode->flags |= EXT4_FL_EXTENTS;
	}
	inode->size = size;
	struct ext4_mapping m;
	struct ext4_buffer *b;
	int error = ext4_map(inode, 0, 1, EXT4_MAP_CREATE, &m);
	error = error ? error : ext4_buffer_new(fs, m.block, EXT4_BUFFER_PLAIN, 0, &b);
	if (!error) {
		memcpy(b->data, target, size);
		ext4_buffer_put(b);
	}
	return error;
}

int ext4_symlink(struct ext4_inode *dir, const char *name, size_t length, const char *target, struct ext4_owner owner,
		 struct ext4_inode **out)
{
	size_t size = strlen(target);
	int error = dir_check(dir, length);
	error = error ? error : name_free(dir, name, length);
	if (error || size == 0 || size >= dir->fs->block_size) {
		return error ? error : size ? -ENAMETOOLONG : -ENOENT;
	}
	struct ext4_inode *inode;
	error = ext4_inode_new(dir->fs, dir, EXT4_S_IFLNK | 0777, owner, &inode);
	if (error) {
		return error;
	}
	error = symlink_fill(inode, target, size);
	error = error ? error : ext4_dir_add(dir, name, length, inode->number, inode->mode);
	if (error) {
		inode_abandon(inode);
		return error;
	}
	dir_changed(dir);
	*out = inode;
	return 0;
}

int ext4_readlink(struct ext4_inode *inode, char *target, size_t size)
{
	const struct ext4_disk_inode *d = ext4_inode_raw(inode);
	struct ext4 *fs = inode->fs;
	if ((inode->mode & EXT4_S_IFMT) != EXT4_S_IFLNK) {
		return -EINVAL;
	}
	if (inode->size >= fs->block_size) {
		return ext4_corrupt(fs, "symbolic link %u is %llu bytes long", inode->number, (unsigned long long)inode->size);
	}
	size_t n = inode->size < size ? inode->size : size;
	if (inode->size < sizeof(d->block) && !(inode->flags & EXT4_FL_EXTENTS)) {
		memcpy(target, d->block, n);
		return (int)n;
	}
	struct ext4_mapping m;
	struct ext4_buffer *b;
	int error = ext4_map(inode, 0, 1, 0, &m);
	if (!error && m.state != EXT4_MAPPED) {
		error = ext4_corrupt(fs, "symbolic link %u has no block", inode->number);
	}
	error = error ? error : ext4_buffer_get(fs, m.block, EXT4_BUFFER_PLAIN, 0, &b);
	if (error) {
		return error;
	}
	memcpy(target, b->data, n);
	ext4_buffer_put(b);
	return (int)n;
}

int ext4_link(struct ext4_inode *dir, const char *name, size_t length, struct ext4_inode *inode)
{
	int error = dir_check(dir, length);
	error = error ? error : name_free(dir, name, length);
	if (error) {
		return error;
	}
	if (ext4_is_dir(inode)) {
		return -EPERM;
	}
	if (inode->links == 0) {
		return -ENOENT;
	}
	if (inode->links >= LINK_MAX) {
		return -EMLINK;
	}
	error = ext4_dir_add(dir, name, length, inode->number, inode->mode);
	if (!error) {
		inode->links++;
		ctime_now(inode);
		dir_changed(dir);
	}
	return error;
}

static void link_drop(struct ext4_inode *inode)
{
	if (inode->links > 0) {
		inode->links--;
	}
	ctime_now(inode);
	if (inode->links == 0) {
		ext4_orphan_add(inode);
	}
}

static int name_get(struct ext4_inode *dir, const char *name, size_t length, struct ext4_inode **inode)
{
	uint32_t number;
	int error = ext4_lookup(dir, name, length, &number);
	return error ? error : ext4_iget(dir->fs, number, inode);
}

int ext4_unlink(struct ext4_inode *dir, const char *name, size_t length)
{
	struct ext4_inode *inode;
	int error = dir_check(dir, length);
	error = error ? error : name_get(dir, name, length, &inode);
	if (error) {
		return error;
	}
	error = ext4_is_dir(inode) ? -EISDIR : ext4_dir_remove(dir, name, length);
	if (!error) {
		dir_changed(dir);
		link_drop(inode);
	}
	ext4_iput(inode);
	return error;
}

/* The directory has lost its name: it has no links, its parent has one less. */
static void dir_drop(struct ext4_inode *parent, struct ext4_inode *dir)
{
	dir->links = 0;
	ctime_now(dir);
	ext4_orphan_add(dir);
	dir_link_drop(parent);
}

int ext4_rmdir(struct ext4_inode *dir, const char *name, size_t length)
{
	struct ext4_inode *inode;
	int error = dir_check(dir, length);
	error = error ? error : name_get(dir, name, length, &inode);
	if (error) {
		return error;
	}
	error = ext4_is_dir(inode) ? ext4_dir_is_empty(inode) : -ENOTDIR;
	error = error ? error : ext4_dir_remove(dir, name, length);
	if (!error) {
		dir_drop(dir, inode);
		dir_changed(dir);
	}
	ext4_iput(inode);
	return error;
}

static int target_check(struct ext4_inode *moved, struct ext4_inode *target)
{
	if (ext4_is_dir(moved) != ext4_is_dir(target)) {
		return ext4_is_dir(target) ? -EISDIR : -ENOTDIR;
	}
	return ext4_is_dir(target) ? ext4_dir_is_empty(target) : 0;
}

static int rename_names(struct ext4_inode *from, const char *from_name, size_t from_length, struct ext4_inode *to,
			const char *to_name, size_t to_length, struct ext4_inode *moved, struct ext4_inode *target)
{
	bool across = ext4_is_dir(moved) && from != to;
	int error = across && !target ? dir_link_check(to) : 0;
	if (!error) {
		error = target ? ext4_dir_replace(to, to_name, to_length, moved->number, moved->mode)
			       : ext4_dir_add(to, to_name, to_length, moved->number, moved->mode);
	}
	error = error ? error : ext4_dir_remove(from, from_name, from_length);
	if (!error && across) {
		error = ext4_dir_replace(moved, "..", 2, to->number, EXT4_S_IFDIR);
		dir_link_drop(from);
		dir_link_add(to);
	}
	return error;
}

int ext4_rename(struct ext4_inode *from, const char *from_name, size_t from_length, struct ext4_inode *to, const char *to_name,
		size_t to_length)
{
	struct ext4_inode *moved, *target = NULL;
	int error = dir_check(from, from_length);
	error = error ? error : dir_check(to, to_length);
	error = error ? error : name_get(from, from_name, from_length, &moved);
	if (error) {
		return error;
	}
	error = name_get(to, to_name, to_length, &target);
	error = error == -ENOENT ? 0 : error;
	if (!error && target != moved) {
		error = target ? target_check(moved, target) : 0;
		error = error ? error : rename_names(from, from_name, from_length, to, to_name, to_length, moved, target);
		if (!error) {
			if (target && ext4_is_dir(target)) {
				dir_drop(to, target);
			} else if (target) {
				link_drop(target);
			}
			ctime_now(moved);
			dir_changed(from);
			dir_changed(to);
		}
	}
	if (target) {
		ext4_iput(target);
	}
	ext4_iput(moved);
	return error;
}

/* Either directory has one subdirectory less or more, if what it gives and what it gets are of different kinds. */
static int parents_exchange(struct ext4_inode *from, struct ext4_inode *to, struct ext4_inode *first, struct ext4_inode *second)
{
	int error = 0;
	if (ext4_is_dir(first)) {
		error = ext4_dir_replace(first, "..", 2, to->number, EXT4_S_IFDIR);
		dir_link_drop(from);
		dir_link_add(to);
	}
	if (ext4_is_dir(second)) {
		int other = ext4_dir_replace(second, "..", 2, from->number, EXT4_S_IFDIR);
		error = error ? error : other;
		dir_link_drop(to);
		dir_link_add(from);
	}
	return error;
}

static int exchange_names(struct ext4_inode *from, const char *from_name, size_t from_length, struct ext4_inode *to, const char *to_name,
			  size_t to_length, struct ext4_inode *first, struct ext4_inode *second)
{
	int error = from == to || ext4_is_dir(first) == ext4_is_dir(second) ? 0 : dir_link_check(ext4_is_dir(first) ? to : from);
	error = error ? error : ext4_dir_replace(from, from_name, from_length, second->number, second->mode);
	if (error) {
		return error;
	}
	error = ext4_dir_replace(to, to_name, to_length, first->number, first->mode);
	if (error) { /* a name for each, again */
		int back = ext4_dir_replace(from, from_name, from_length, first->number, first->mode);
		return back ? back : error;
	}
	return from == to ? 0 : parents_exchange(from, to, first, second);
}

int ext4_exchange(struct ext4_inode *from, const char *from_name, size_t from_length, struct ext4_inode *to, const char *to_name,
		  size_t to_length)
{
	struct ext4_inode *first, *second;
	int error = dir_check(from, from_length);
	error = error ? error : dir_check(to, to_length);
	error = error ? error : name_get(from, from_name, from_length, &first);
	if (error) {
		return error;
	}
	error = name_get(to, to_name, to_length, &second);
	if (!error) {
		error = first == second ? 0 : exchange_names(from, from_name, from_length, to, to_name, to_length, first, second);
		if (!error) {
			ctime_now(first);
			ctime_now(second);
			dir_changed(from);
			dir_changed(to);
		}
		ext4_iput(second);
	}
	ext4_iput(first);
	return error;
}
