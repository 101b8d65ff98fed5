/* SPDX-License-Identifier: MIT */
/*
 * Mounted file systems. Each is mounted at one place: its root covers a directory, which the walk notices (path.c). The list of
 * all is guarded by mount_mutex, which mount, umount and sync hold for their length.
 */
#include "base/format.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/epoch.h"
#include "kernel/block.h"
#include "kernel/notify.h"
#include "kernel/platform.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

struct mutex mount_mutex;
struct list super_list = LIST_INIT(super_list);
struct dentry *root_dentry;
static uint32_t next_minor = 16;

#define OPTIONS_SIZE 256

enum { MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_REMOUNT = 32, MS_BIND = 4096, MS_MOVE = 8192 };

struct super *super_create(const char *type, uint64_t magic, const char *source)
{
	struct super *s = kzalloc(sizeof(*s));
	if (s) {
		s->type = type;
		s->magic = magic;
		s->block_size = PAGE_SIZE;
		s->minor = s->mount = __atomic_fetch_add(&next_minor, 1, __ATOMIC_RELAXED);
		list_init(&s->link);
		string_copy(s->source, source, sizeof(s->source));
	}
	return s;
}

/* The directory's mutex, if it is not the kernel's own start, keeps it where it is (namespace.c). */
int super_mount(struct super *super, struct dentry *at)
{
	if (at && (at->mounted || at->inode->links == 0)) {
		return at->mounted ? -EBUSY : -ENOENT;
	}
	if (at) {
		dentry_get(at);
		super->mountpoint = at;
		dentry_set_mounted(at, super);
	} else {
		root_dentry = super->root;
	}
	list_push_back(&super_list, &super->link);
	return 0;
}

/* It is mounted nowhere, and nobody uses it. */
static void super_end(struct super *super)
{
	struct dentry *root = super->root;
	notify_unmounted(super);
	dentry_remove(root);
	dentry_put(root);
	epoch_wait();
	super->ops->unmount(super);
}

static void mount_at(const char *path, int (*open)(struct super **))
{
	struct dentry *d;
	struct super *super;
	int error = path_find(AT_FDCWD, path, true, &d);
	if (error == -ENOENT) {
		return; /* whoever made this root does without */
	}
	if (error) {
		kprintf("no directory %s to mount on: error %d", path, -error);
		return;
	}
	error = open(&super);
	error = error ? error : super_mount(super, d);
	if (error) {
		kprintf("cannot mount %s: error %d", path, -error);
	}
	dentry_put(d);
}

static int tmp_open(struct super **super)
{
	return tmpfs_super_open(super, 01777);
}

static int run_open(struct super **super)
{
	return tmpfs_super_open(super, 0755);
}

/* A directory that programs expect, where the one that it is in lies in memory. */
static void directory_make(const char *where, const char *name, uint32_t mode)
{
	struct dentry *dir, *made;
	if (path_find(AT_FDCWD, where, true, &dir)) {
		return;
	}
	if (dir->super->pinned && !memory_node(dir, name, S_IFDIR | mode, 0, 0, &made)) {
		dentry_put(made);
	}
	dentry_put(dir);
}

/* "auto": the first disk there is. */
static const char *root_device(const char *asked)
{
	struct block_device *b = block_at(0);
	return strcmp(asked, "auto") != 0 ? asked : b ? b->name : "no disk";
}

int fs_mount_root(const char *device, const char *options)
{
	struct super *super;
	page_cache_init();
	mutex_init(&mount_mutex, "mounts");
	mount_mutex.outer = true;
	mutex_init(&rename_mutex, "rename");
	rename_mutex.outer = true;
	mutex_init(&disks_mutex, "disks");
	mutex_init(&epoll_mutex, "epoll");
	async_init();
	int error = ext4_super_open(root_device(device), strstr(options, "ro") != NULL, &super);
	if (error) {
		return error;
	}
	super_mount(super, NULL);
	mount_at("/dev", devfs_super_get);
	directory_make("/dev", "shm", 0755); /* where shm_open(3) and sem_open(3) make their files */
	memfd_init();
	segments_init();
	mount_at("/dev/shm", tmp_open);
	mount_at("/proc", procfs_super_open);
	mount_at("/sys", sysfs_super_open);
	mount_at("/tmp", tmp_open);
	mount_at("/run", run_open);
	directory_make("/run", "lock", 01777); /* /var/lock leads there (hier(7)) */
	devfs_blocks_add();
	memory_set_shrink(caches_give_up);
	writeback_start();
	return 0;
}

void fs_sync_all(void)
{
	inodes_flush(NULL);
	mutex_lock(&mount_mutex);
	list_for_each(node, &super_list) {
		struct super *super = container_of(node, struct super, link);
		if (super->ops->sync) {
			super->ops->sync(super);
		}
	}
	mutex_unlock(&mount_mutex);
}

long sys_sync(const uint64_t a[6])
{
	fs_sync_all();
	return 0;
}

/* As /proc/PID/mounts, or as mountinfo. */
void mounts_describe(char *text, size_t size, bool mounts_file, size_t *length)
{
	char *path = kmalloc(PATH_MAX);
	size_t at = 0;
	text[0] = '\0';
	mutex_lock(&mount_mutex);
	list_for_each(node, &super_list) {
		struct super *s = container_of(node, struct super, link);
		if (!path || dentry_path(s->root, root_dentry, path, PATH_MAX) < 0) {
			continue;
		}
		char limit[32] = "";
		if (s->memory_most) {
			format_text(limit, sizeof(limit), ",size=%luk", s->memory_most << (PAGE_SHIFT - 10));
		}
		char *to = text + (at < size ? at : size), source[48], options[48];
		size_t room = at < size ? size - at : 0;
		const char *access = s->read_only ? "ro" : "rw";
		format_text(source, sizeof(source), "%s%s", s->device ? "/dev/" : "", s->source);
		format_text(options, sizeof(options), "%s%s%s%s", access, s->no_suid ? ",nosuid" : "", s->no_device ? ",nodev" : "",
			    s->no_exec ? ",noexec" : "");
		if (mounts_file) {
			at += (size_t)format_text(to, room, "%s %s %s %s%s 0 0\n", source, path, s->type, options, limit);
		} else {
			at += (size_t)format_text(to, room, "%u %u %u:%u / %s %s - %s %s %s%s\n", s->mount + 1,
						  s->mountpoint ? s->mountpoint->super->mount + 1 : 0, s->major, s->minor, path, options, s->type, source,
						  access, limit);
		}
	}
	mutex_unlock(&mount_mutex);
	kfree(path);
	*length = at < size ? at : size;
}

static int string_from_user(uint64_t user, char *text, size_t size)
{
	text[0] = '\0';
	long n = user ? user_string(text, user, size) : 0;
	return n < 0 ? (int)n : 0;
}

static int super_open(const char *type, const char *source, const char *options, bool read_only, struct super **super)
{
	if (strcmp(type, "tmpfs") == 0) {
		return tmpfs_super_open_with(super, options);
	}
	if (strcmp(type, "proc") == 0) {
		return procfs_super_open(super);
	}
	if (strcmp(type, "sysfs") == 0) {
		return sysfs_super_open(super);
	}
	if (strcmp(type, "ext4") == 0 || strcmp(type, "ext3") == 0 || strcmp(type, "ext2") == 0) {
		return ext4_super_open(source, read_only, super);
	}
	return -ENODEV;
}

static void flags_set(struct super *super, uint64_t flags)
{
	super->no_suid = flags & MS_NOSUID;
	super->no_device = flags & MS_NODEV;
	super->no_exec = flags & MS_NOEXEC;
}

static int remount(struct dentry *at, uint64_t flags, const char *options)
{
	struct super *super = at->super;
	if (at != super->root) {
		return -EINVAL;
	}
	int error = strcmp(super->type, "tmpfs") == 0 ? tmpfs_limit(super, options) : 0;
	if (error) {
		return error;
	}
	if (!(flags & MS_RDONLY) && super->write_refused) {
		return -EROFS;
	}
	if ((flags & MS_RDONLY) && !super->read_only) {
		inodes_flush(super);
		if (super->ops->sync) {
			super->ops->sync(super);
		}
	}
	super->read_only = flags & MS_RDONLY;
	flags_set(super, flags);
	return 0;
}

static int mount_new(struct dentry *at, const char *type, const char *source, uint64_t flags, const char *options)
{
	struct super *super;
	if (!S_IS(at->inode->mode, S_IFDIR)) {
		return -ENOTDIR;
	}
	int error = super_open(type, source, options, flags & MS_RDONLY, &super);
	if (error) {
		return error;
	}
	super->read_only = super->read_only || (flags & MS_RDONLY);
	flags_set(super, flags);
	error = super_mount(super, at);
	if (error && super->ops->unmount) {
		super_end(super);
	}
	return error;
}

long sys_mount(const uint64_t a[6])
{
	char source[64], type[16], options[OPTIONS_SIZE];
	struct dentry *at;
	struct file *f;
	int error = string_from_user(a[0], source, sizeof(source));
	error = error ? error : string_from_user(a[2], type, sizeof(type));
	error = error ? error : string_from_user(a[4], options, sizeof(options));
	error = error ? error : path_find_user(AT_FDCWD, a[1], 0, true, &at, &f);
	if (error) {
		return error;
	}
	if (f) {
		file_put(f);
		return -ENOTDIR;
	}
	if (!capable(CAP_SYS_ADMIN)) {
		error = -EPERM;
	} else if (a[3] & (MS_BIND | MS_MOVE)) {
		error = -EINVAL;
	} else if (a[3] & MS_REMOUNT) {
		mutex_lock(&mount_mutex);
		error = remount(at, a[3], options);
		mutex_unlock(&mount_mutex);
	} else {
		mutex_lock(&at->inode->mutex);
		mutex_lock(&mount_mutex);
		error = mount_new(at, type, source, a[3], options);
		mutex_unlock(&mount_mutex);
		mutex_unlock(&at->inode->mutex);
	}
	dentry_put(at);
	return error;
}

/*
 * Busy as long as anybody but the cache uses its names, or a file system is mounted inside. Before the last look nobody new is let in:
 * who meets a root that is marked as dead waits for mount_mutex, as long as the walks take that were inside (path.c).
 */
static int unmount(struct dentry *root)
{
	struct super *super = root->super;
	struct dentry *point = super->mountpoint;
	if (root != super->root || !point) {
		return -EINVAL;
	}
	if (!super->ops->unmount) {
		return -EBUSY;
	}
	inodes_flush(super);
	dentries_drop(super);
	unsigned own = 2; /* the file system's reference and the caller's */
	if (dentries_in_use(super, own)) {
		return -EBUSY;
	}
	__atomic_fetch_or(&root->references, DENTRY_DEAD, __ATOMIC_SEQ_CST);
	epoch_wait(); /* walks that saw it alive have their references now */
	dentries_drop(super);
	bool busy = dentries_in_use(super, own);
	if (!busy) {
		if (super->pinned) {
			dentries_unpin(super);
		}
		dentry_set_mounted(point, NULL);
		epoch_wait(); /* and nobody finds it any more */
		super->mountpoint = NULL;
		list_remove(&super->link);
		dentry_put(point);
	}
	__atomic_fetch_and(&root->references, ~DENTRY_DEAD, __ATOMIC_SEQ_CST);
	return busy ? -EBUSY : 0;
}

long sys_umount2(const uint64_t a[6])
{
	struct dentry *root;
	struct file *f;
	int error = path_find_user(AT_FDCWD, a[0], 0, true, &root, &f);
	if (error || f) {
		if (f) {
			file_put(f);
		}
		return error ? error : -EINVAL;
	}
	if (!capable(CAP_SYS_ADMIN)) {
		dentry_put(root);
		return -EPERM;
	}
	mutex_lock(&mount_mutex);
	error = unmount(root);
	mutex_unlock(&mount_mutex);
	struct super *super = root->super;
	dentry_put(root);
	if (!error) {
		super_end(super);
	}
	return error;
}
