/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory (shmget(2) and its kin): each segment is a file of a tmpfs that is mounted nowhere, once open for writing and once
 * for reading only, and every attachment is a mapping of one of them. So the references to those files beyond the table's own are the
 * attachments, and a segment that is removed lives as long as one of them; nobody can attach it any more then. One mutex guards
 * the table.
 */
#include "base/format.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/capability.h"
#include "kernel/platform.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define SEGMENTS 4096u
#define ID_STEP 32768 /* an identifier is a place in the table and how often that was used before */

enum { IPC_CREAT = 01000, IPC_EXCL = 02000, SHM_HUGETLB = 04000, IPC_MODE = 0777 };
enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
enum { SHM_RDONLY = 010000, SHM_RND = 020000, SHM_REMAP = 040000, SHM_EXEC = 0100000 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_SHARED = 1, MAP_FIXED = 0x10, MAP_FIXED_NOREPLACE = 0x100000 };

struct segment {
	struct file *files[2]; /* for reading only; for writing, too */
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode, sequence;
	uint64_t size;
	int64_t attached_at, detached_at, changed_at;
	uint32_t creator, last;
	bool locked;
};

struct user_permissions { /* struct ipc64_perm */
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t sequence, pad;
	uint64_t unused[2];
};
struct user_segment { /* struct shmid64_ds */
	struct user_permissions perm;
	uint64_t size;
	int64_t attached_at, detached_at, changed_at;
	int32_t creator, last;
	uint64_t attached, unused[2];
};
struct user_limits { /* struct shminfo64 */
	uint64_t most, least, segments, of_a_process, all_pages, unused[4];
};
struct user_totals { /* struct shm_info */
	int32_t used, pad;
	uint64_t total, resident, swapped, attempts, successes;
};
_Static_assert(sizeof(struct user_segment) == 112 && sizeof(struct user_permissions) == 48, "asm-generic/shmbuf.h");

static struct mutex segment_mutex;
static struct segment *segments[SEGMENTS]; /* segment_mutex */
static uint32_t sequences[SEGMENTS]; /* of the next one in that place */
static unsigned segment_count;
static struct super *segment_files; /* made at start */

void segments_init(void)
{
	mutex_init(&segment_mutex, "shared memory segments");
	segment_mutex.outer = true;
	if (tmpfs_super_open(&segment_files, 0700)) {
		kprintf("no file system for shared memory segments");
	}
}

static int64_t seconds_now(void)
{
	return (int64_t)(time_wall_ns() / 1000000000u);
}

static struct segment *segment_find(int id, int *error)
{
	struct segment *s = id < 0 ? NULL : segments[id % ID_STEP % SEGMENTS];
	bool is = s && (unsigned)id % ID_STEP < SEGMENTS && s->sequence == (unsigned)id / ID_STEP;
	*error = is ? 0 : -EINVAL;
	return is ? s : NULL;
}

/* MAY_READ, MAY_WRITE; as Linux's ipcperms(). */
static bool may(const struct segment *s, unsigned wanted)
{
	const struct credentials *c = &process_current()->credentials;
	uint32_t mode = s->mode;
	if (c->euid == s->uid || c->euid == s->cuid) {
		mode >>= 6;
	} else if (credentials_have_group(c, s->gid) || credentials_have_group(c, s->cgid)) {
		mode >>= 3;
	}
	return !(wanted & ~mode & 7) || capable(CAP_IPC_OWNER);
}

static bool owns(const struct segment *s)
{
	uint32_t euid = process_current()->credentials.euid;
	return euid == s->uid || euid == s->cuid || capable(CAP_SYS_ADMIN);
}

static uint64_t attachments(const struct segment *s)
{
	return s->files[0]->references + s->files[1]->references - 2u;
}

static struct file *open_once(struct inode *inode, unsigned flags)
{
	struct file *f = file_alloc(&regular_file_ops, flags | O_LARGEFILE, NULL);
	if (f) {
		inode_get(inode);
		inode->writers += flags == O_RDWR;
		f->inode = inode;
	}
	return f;
}

static void segment_free(struct segment *s)
{
	for (unsigned i = 0; i < 2; i++) {
		if (s->files[i]) {
			file_put(s->files[i]);
		}
	}
	kfree(s);
}

static struct segment *segment_create(int32_t key, uint64_t size, uint32_t mode)
{
	const struct process *p = process_current();
	char *name = kmalloc(32);
	struct segment *s = kzalloc(sizeof(*s));
	struct inode *inode = s && name && segment_files ? memory_file(segment_files) : NULL;
	if (!inode) {
		kfree(name);
		kfree(s);
		return NULL;
	}
	format_text(name, 32, "/SYSV%08x (deleted)", (unsigned)key);
	inode->private = name;
	inode->size = size;
	*s = (struct segment){ .key = key, .uid = p->credentials.euid, .gid = p->credentials.egid, .cuid = p->credentials.euid,
			       .cgid = p->credentials.egid, .mode = mode & IPC_MODE, .size = size, .changed_at = seconds_now(), .creator = p->pid };
	s->files[0] = open_once(inode, O_RDONLY);
	s->files[1] = open_once(inode, O_RDWR);
	inode_put(inode);
	if (!s->files[0] || !s->files[1]) {
		segment_free(s);
		return NULL;
	}
	return s;
}

static long segment_new(int32_t key, uint64_t size, unsigned flags)
{
	uint64_t total, free;
	unsigned at = 0;
	memory_usage(&total, &free);
	if (size == 0 || size > INT64_MAX) {
		return -EINVAL;
	}
	if ((flags & SHM_HUGETLB) || size / PAGE_SIZE > total) {
		return -ENOMEM;
	}
	while (at < SEGMENTS && segments[at]) {
		at++;
	}
	struct segment *s = at < SEGMENTS ? segment_create(key, size, flags) : NULL;
	if (!s) {
		return at < SEGMENTS ? -ENOMEM : -ENOSPC;
	}
	s->sequence = sequences[at]++ % (INT32_MAX / ID_STEP);
	segments[at] = s;
	segment_count++;
	return (long)(s->sequence * ID_STEP + at);
}

/* The one with that key; its identifier, or -ENOENT. */
static long key_find(int32_t key, struct segment **out)
{
	for (unsigned at = 0; at < SEGMENTS; at++) {
		if (segments[at] && segments[at]->key == key) {
			*out = segments[at];
			return (long)(segments[at]->sequence * ID_STEP + at);
		}
	}
	return -ENOENT;
}

static long get_locked(int32_t key, uint64_t size, unsigned flags)
{
	struct segment *s;
	long id = key ? key_find(key, &s) : -ENOENT;
	if (id < 0) {
		return key && !(flags & IPC_CREAT) ? -ENOENT : segment_new(key, size, flags);
	}
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) {
		return -EEXIST;
	}
	if (s->size < size) {
		return -EINVAL;
	}
	unsigned asked = (flags >> 6 | flags >> 3 | flags) & 7;
	return may(s, asked) ? id : -EACCES;
}

long sys_shmget(const uint64_t a[6])
{
	mutex_lock(&segment_mutex);
	long id = get_locked((int32_t)a[0], a[1], (unsigned)a[2]);
	mutex_unlock(&segment_mutex);
	return id;
}

/* The file to map, referenced. */
static struct file *attach_begin(int id, unsigned flags, uint64_t *size, int *error)
{
	bool write = !(flags & SHM_RDONLY);
	struct file *f = NULL;
	mutex_lock(&segment_mutex);
	struct segment *s = segment_find(id, error);
	if (s && !may(s, MAY_READ | (write ? MAY_WRITE : 0) | (flags & SHM_EXEC ? MAY_EXEC : 0))) {
		*error = -EACCES;
	}
	if (!*error) {
		f = s->files[write];
		file_get(f);
		*size = s->size;
	}
	mutex_unlock(&segment_mutex);
	return f;
}

/* Attached or detached now, by this process. */
static void note(const struct inode *inode, bool attached)
{
	mutex_lock(&segment_mutex);
	for (unsigned at = 0; at < SEGMENTS; at++) {
		struct segment *s = segments[at];
		if (s && s->files[0]->inode == inode) {
			*(attached ? &s->attached_at : &s->detached_at) = seconds_now();
			s->last = process_current()->pid;
		}
	}
	mutex_unlock(&segment_mutex);
}

long sys_shmat(const uint64_t a[6])
{
	uint64_t address = a[1], size;
	unsigned flags = (unsigned)a[2];
	int error;
	if (address & (PAGE_SIZE - 1)) {
		address = flags & SHM_RND ? address & ~(PAGE_SIZE - 1) : 1;
	}
	if ((address & (PAGE_SIZE - 1)) || (!address && (flags & SHM_REMAP))) {
		return -EINVAL;
	}
	struct file *f = attach_begin((int)a[0], flags, &size, &error);
	if (!f) {
		return error;
	}
	unsigned prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	unsigned how = MAP_SHARED | (!address ? 0 : flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
	long at = address_space_map(process_current()->memory, address, size, prot, how, f, 0);
	if (at >= 0) {
		note(f->inode, true);
	}
	file_put(f);
	return at == -EEXIST ? -EINVAL : at;
}

long sys_shmdt(const uint64_t a[6])
{
	struct address_space *as = process_current()->memory;
	struct file *f = a[0] & (PAGE_SIZE - 1) ? NULL : address_space_attached(as, a[0]);
	bool is = f && f->inode && f->inode->super == segment_files;
	long error = is ? address_space_unmap(as, a[0], f->inode->size) : -EINVAL;
	if (!error) {
		note(f->inode, false);
	}
	if (f) {
		file_put(f);
	}
	return error;
}

/* ---- shmctl ---- */

static long stat_locked(int command, int id, struct user_segment *u)
{
	int error = -EINVAL;
	struct segment *s = NULL;
	if (command == IPC_STAT) {
		s = segment_find(id, &error);
	} else if (id >= 0 && (unsigned)id < SEGMENTS && segments[id]) {
		s = segments[id];
		error = 0;
	}
	if (error) {
		return error;
	}
	if (command != SHM_STAT_ANY && !may(s, MAY_READ)) {
		return -EACCES;
	}
	*u = (struct user_segment){ .perm = { .key = s->key, .uid = s->uid, .gid = s->gid, .cuid = s->cuid, .cgid = s->cgid,
					      .mode = s->mode | (s->locked ? 02000 : 0), .sequence = (uint16_t)s->sequence },
				    .size = s->size, .attached_at = s->attached_at, .detached_at = s->detached_at, .changed_at = s->changed_at,
				    .creator = (int32_t)s->creator, .last = (int32_t)s->last, .attached = attachments(s) };
	return command == IPC_STAT ? 0 : (long)(s->sequence * ID_STEP) + id;
}

/* The highest place in use. */
static long highest_locked(void)
{
	long at = SEGMENTS - 1;
	while (at > 0 && !segments[at]) {
		at--;
	}
	return at;
}

static long limits_tell(uint64_t to)
{
	struct user_limits l = { .most = INT64_MAX, .least = 1, .segments = SEGMENTS, .of_a_process = SEGMENTS, .all_pages = INT64_MAX };
	mutex_lock(&segment_mutex);
	long highest = highest_locked();
	mutex_unlock(&segment_mutex);
	return user_write(to, &l, sizeof(l)) ? -EFAULT : highest;
}

static long totals_tell(uint64_t to)
{
	struct user_totals t = { 0 };
	mutex_lock(&segment_mutex);
	long highest = highest_locked();
	t.used = (int32_t)segment_count;
	for (unsigned at = 0; at < SEGMENTS; at++) {
		if (segments[at]) {
			t.total += (segments[at]->size + PAGE_SIZE - 1) / PAGE_SIZE;
			t.resident += segments[at]->files[0]->inode->mapping.page_count;
		}
	}
	mutex_unlock(&segment_mutex);
	return user_write(to, &t, sizeof(t)) ? -EFAULT : highest;
}

/* Removes it from the table, or gives it another owner or mode. *gone: to be freed without the lock. */
static long change_locked(int command, int id, const struct user_segment *u, struct segment **gone)
{
	int error;
	struct segment *s = segment_find(id, &error);
	if (!s) {
		return error;
	}
	if (command == SHM_LOCK || command == SHM_UNLOCK) {
		if (!owns(s) && !capable(CAP_IPC_LOCK)) {
			return -EPERM;
		}
		s->locked = command == SHM_LOCK; /* its pages stay in memory anyway */
		return 0;
	}
	if (!owns(s)) {
		return -EPERM;
	}
	if (command == IPC_RMID) {
		segments[(unsigned)id % ID_STEP] = NULL;
		segment_count--;
		*gone = s;
		return 0;
	}
	s->uid = u->perm.uid;
	s->gid = u->perm.gid;
	s->mode = u->perm.mode & IPC_MODE;
	s->changed_at = seconds_now();
	return 0;
}

long sys_shmctl(const uint64_t a[6])
{
	int id = (int)a[0], command = (int)a[1];
	struct user_segment u = { 0 };
	struct segment *gone = NULL;
	long result = -EINVAL;
	if (id < 0 || command < 0) {
		return -EINVAL;
	}
	switch (command) {
	case IPC_INFO:
		return limits_tell(a[2]);
	case SHM_INFO:
		return totals_tell(a[2]);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		mutex_lock(&segment_mutex);
		result = stat_locked(command, id, &u);
		mutex_unlock(&segment_mutex);
		return result < 0 ? result : user_write(a[2], &u, sizeof(u)) ? -EFAULT : result;
	case IPC_SET:
		if (user_read(&u, a[2], sizeof(u))) {
			return -EFAULT;
		}
		/* fall through */
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		mutex_lock(&segment_mutex);
		result = change_locked(command, id, &u, &gone);
		mutex_unlock(&segment_mutex);
		break;
	default:
		break;
	}
	if (gone) {
		segment_free(gone);
	}
	return result;
}
