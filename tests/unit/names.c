/* SPDX-License-Identifier: MIT */
/*
 * Names in the kernel's file systems against a tree in an array (tests/model/names.h): random calls that make, move and remove names, mount
 * and unmount, over a file system that is asked (tests/fake/tree_fs.h) and one that lives in the name cache (tmpfs). One thread's calls and
 * look-ups are just the model's; with look-ups from several threads meanwhile, each answer is one that was right at some moment; and with
 * several that change names, both sides still fit together afterwards. Nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/epoch.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"
#include "tests/fake/threads.h"
#include "tests/fake/tree_fs.h"
#include "tests/model/names.h"

#define STARTS 4u /* directories where walks begin: the working directory, and three descriptors */
#define READERS 3u
#define CHANGERS 4u
#define PATH_ROOM 64u
#define LINKS_TO 12u

extern struct dentry *root_dentry;

static unsigned starts[STARTS]; /* objects */
static pthread_mutex_t model = PTHREAD_MUTEX_INITIALIZER; /* the history, and that one thread changes names */
static bool over, alone;
static unsigned mounts;
static uint64_t changes, answers, absent, unsure;

/* ---- the kernel's calls ---- */
#define CALL(name, ...) name((const uint64_t[6]){ __VA_ARGS__ })
#define TEXT(p) (uint64_t)(uintptr_t)(p)

static uint64_t key_of(const struct inode *inode)
{
	return (uint64_t)inode->super->minor << 32 | inode->number;
}

static uint64_t start_fd(unsigned start)
{
	return (uint64_t)(start ? (int)start - 1 : AT_FDCWD); /* the table's first descriptors */
}

/* Where a path leads, by one of the ways there are to ask; 0 or an error. */
static int look_up(unsigned start, const char *path, bool follow, uint64_t *key)
{
	int error = 0, fd = (int)start_fd(start);
	uint64_t way = fake_random(4);
	*key = 0;
	if (way == 0) {
		struct dentry *d;
		error = path_find(fd, path, follow, &d);
		if (!error) {
			*key = key_of(d->inode);
			dentry_put(d);
		}
		return error;
	}
	if (way == 1) {
		long opened = CALL(sys_openat, (uint64_t)fd, TEXT(path), O_PATH | (follow ? 0 : O_NOFOLLOW));
		if (opened >= 0) {
			struct file *f = file_from_fd((int)opened);
			*key = key_of(f->inode);
			file_put(f);
			fd_close((int)opened);
		}
		return opened < 0 ? (int)opened : 0;
	}
	epoch_enter();
	const struct inode *inode = path_peek(fd, path, follow, &error);
	*key = inode ? key_of(inode) : 0;
	epoch_exit();
	return inode || error ? error : look_up(start, path, follow, key);
}

/* ---- random paths ---- */
static const char *path_make(char *to)
{
	char *at = to;
	for (uint64_t n = fake_random(8) ? 0 : 1 + fake_random(2); n > 0; n--) {
		*at++ = '/';
	}
	uint64_t parts = 1 + fake_random(fake_random(3) ? 3 : 7);
	for (uint64_t i = 0; i < parts; i++) {
		uint64_t kind = fake_random(14);
		*at++ = kind < 2 ? '.' : (char)('a' + kind % 5);
		if (kind == 0) {
			*at++ = '.';
		}
		if (i + 1 < parts || fake_random(12) == 0) {
			for (uint64_t n = 1 + (fake_random(10) == 0); n > 0; n--) {
				*at++ = '/';
			}
		}
	}
	*at = '\0';
	return to;
}

static const char *target_make(char *to)
{
	do {
		path_make(to);
	} while (strlen(to) > LINKS_TO);
	return to;
}

/* ---- one change, in the kernel and in the model, which says whether it is possible ---- */
static unsigned raw(const struct place *p) /* the name itself, whatever covers it */
{
	return p->letter < 0 ? 0 : names_now()->child[p->parent][p->letter];
}

static bool can_make(const struct place *p, bool directory)
{
	return !p->error && p->letter >= 0 && !raw(p) && (directory || !p->slash) && objects[p->parent].links > 0;
}

static void judge(const char *what, const char *path, long result, bool possible)
{
	if ((result == 0) != possible) {
		fail_msg("%s %s: %ld, but it is %spossible", what, path, result, possible ? "" : "not ");
	}
	changes++;
}

static uint64_t key_at(unsigned start, const char *path)
{
	struct dentry *d;
	assert_int_equal(path_find((int)start_fd(start), path, false, &d), 0);
	uint64_t key = key_of(d->inode);
	dentry_put(d);
	return key;
}

static void made(const struct place *p, enum kind kind, uint64_t key, const char *target)
{
	unsigned o = object_make(kind, key, target);
	assert_true(o);
	struct moment *m = names_change();
	memset(m->child[o], 0, sizeof(m->child[o]));
	m->parent[o] = (uint8_t)p->parent;
	m->mounted[o] = m->covers[o] = 0;
	m->child[p->parent][p->letter] = (uint8_t)o;
	objects[o].links = 1;
	names_done();
}

static bool has_names(unsigned o)
{
	static const uint8_t none[LETTERS];
	return memcmp(names_now()->child[o], none, sizeof(none)) != 0;
}

static void try_remove(unsigned start, bool directory)
{
	char path[PATH_ROOM];
	path_make(path);
	struct place p = names_find(starts[start], path, false);
	unsigned o = p.error ? 0 : raw(&p);
	bool possible = o && (objects[o].kind == DIRECTORY) == directory && (directory ? !names_now()->mounted[o] && !has_names(o) : !p.slash);
	judge("remove", path, CALL(sys_unlinkat, start_fd(start), TEXT(path), directory ? AT_REMOVEDIR : 0), possible);
	if (possible) {
		objects[o].links--;
		names_change()->child[p.parent][p.letter] = 0;
		names_done();
	}
}

static void try_make(unsigned start, enum kind kind)
{
	char path[PATH_ROOM], target[PATH_ROOM] = "";
	if (objects_room() < OBJECTS / 2) {
		return try_remove(start, kind == DIRECTORY);
	}
	path_make(path);
	struct place p = names_find(starts[start], path, false);
	bool possible = can_make(&p, kind == DIRECTORY);
	long result = kind == DIRECTORY ? CALL(sys_mkdirat, start_fd(start), TEXT(path), 0755)
		      : kind == PLAIN	? CALL(sys_mknodat, start_fd(start), TEXT(path), S_IFREG | 0644)
					: CALL(sys_symlinkat, TEXT(target_make(target)), start_fd(start), TEXT(path));
	judge("make", path, result, possible);
	if (!result) {
		made(&p, kind, key_at(start, path), target);
	}
}

static bool same_super(unsigned a, unsigned b)
{
	return objects[a].key >> 32 == objects[b].key >> 32;
}

static void try_link(unsigned start)
{
	char from[PATH_ROOM], to[PATH_ROOM];
	path_make(from);
	path_make(to);
	bool slash = from[strlen(from) - 1] == '/';
	struct place old = names_find(starts[start], from, slash), p = names_find(starts[start], to, false);
	unsigned o = old.error ? 0 : old.object;
	bool possible = o && !slash && objects[o].kind != DIRECTORY && can_make(&p, false) && same_super(o, p.parent);
	judge("link", to, CALL(sys_linkat, start_fd(start), TEXT(from), start_fd(start), TEXT(to), 0), possible);
	if (possible) {
		objects[o].links++;
		names_change()->child[p.parent][p.letter] = (uint8_t)o;
		names_done();
	}
}

static bool is_below(unsigned o, unsigned ancestor)
{
	const struct moment *m = names_now();
	for (; o != ancestor && m->parent[o] != o; o = m->parent[o]) {
	}
	return o == ancestor;
}

static bool can_rename(const struct place *from, const struct place *to, bool replace)
{
	if (from->error || to->error || from->letter < 0 || to->letter < 0 || !raw(from) || !same_super(from->parent, to->parent)) {
		return false;
	}
	const struct moment *m = names_now();
	unsigned o = raw(from), target = raw(to);
	bool directory = objects[o].kind == DIRECTORY;
	if (!objects[to->parent].links || ((from->slash || to->slash) && !directory) || (target && !replace) || is_below(to->parent, o) ||
	    (target && is_below(from->parent, target))) {
		return false;
	}
	if (target == o) {
		return true;
	}
	return !m->mounted[o] && (!target || (!m->mounted[target] && (objects[target].kind == DIRECTORY) == directory && !has_names(target)));
}

static void try_rename(unsigned start)
{
	char from[PATH_ROOM], to[PATH_ROOM];
	path_make(from);
	path_make(to);
	bool replace = fake_random(4);
	struct place p = names_find(starts[start], from, false), q = names_find(starts[start], to, false);
	bool possible = can_rename(&p, &q, replace);
	judge("rename", to, CALL(sys_renameat2, start_fd(start), TEXT(from), start_fd(start), TEXT(to), !replace), possible);
	if (!possible || raw(&p) == raw(&q)) {
		return;
	}
	unsigned o = raw(&p), target = raw(&q);
	objects[target].links -= target != 0;
	struct moment *m = names_change();
	m->child[p.parent][p.letter] = 0;
	m->child[q.parent][q.letter] = (uint8_t)o;
	m->parent[o] = (uint8_t)(objects[o].kind == DIRECTORY ? q.parent : 0);
	names_done();
}

static void try_mount(unsigned start)
{
	char path[PATH_ROOM];
	path_make(path);
	struct place p = names_find(starts[start], path, true);
	unsigned o = p.error ? 0 : p.object;
	if (start || mounts > 2 || (p.slash && objects[o].kind != DIRECTORY)) {
		return;
	}
	bool possible = o && objects[o].kind == DIRECTORY && objects[o].links > 0 && !names_now()->mounted[o]; /* "." may be covered */
	judge("mount", path, CALL(sys_mount, TEXT("x"), TEXT(path), TEXT(fake_random(2) ? "tmpfs" : "ext4"), 0), possible);
	if (possible) {
		const struct super *super = container_of(super_list.prev, struct super, link);
		unsigned root = object_make(DIRECTORY, key_of(super->root->inode), "");
		objects[root].links = 1;
		struct moment *m = names_change();
		memset(m->child[root], 0, sizeof(m->child[root]));
		m->parent[root] = (uint8_t)root;
		m->mounted[root] = 0;
		m->mounted[o] = (uint8_t)root;
		m->covers[root] = (uint8_t)o;
		names_done();
		mounts++;
	}
}

static bool is_used(unsigned root)
{
	bool used = false;
	for (unsigned i = 1; i < OBJECTS; i++) {
		used = used || (objects[i].kind != NOTHING && same_super(i, root) && (objects[i].kept || names_now()->mounted[i]));
	}
	return used;
}

static void unmounted(unsigned root)
{
	struct moment *m = names_change();
	m->mounted[m->covers[root]] = 0;
	for (unsigned i = 1; i < OBJECTS; i++) {
		if (same_super(i, root)) {
			objects[i].links = 0;
		}
	}
	m->covers[root] = 0;
	names_done();
	mounts--;
}

static void try_unmount(unsigned start)
{
	char path[PATH_ROOM];
	path_make(path);
	struct place p = names_find(starts[start], path, true);
	unsigned o = p.error ? 0 : p.object;
	if (start || !o || !names_now()->covers[o]) {
		return;
	}
	long result = CALL(sys_umount2, TEXT(path), 0);
	if (alone || result != -EBUSY) { /* else somebody walked there */
		judge("unmount", path, result, !is_used(o));
	}
	if (!result) {
		unmounted(o);
	}
}

static void try_change(unsigned start)
{
	switch (fake_random(20)) {
	case 0:
		return try_mount(start);
	case 1:
		return try_unmount(start);
	case 2:
	case 3:
	case 4:
		return try_make(start, LINK);
	case 5:
	case 6:
		return try_make(start, PLAIN);
	case 7:
		return try_link(start);
	case 8:
	case 9:
		return try_remove(start, true);
	case 10:
	case 11:
		return try_remove(start, false);
	case 12:
		return dentries_shrink();
	case 13:
	case 14:
	case 15:
		return try_rename(start);
	default:
		return try_make(start, DIRECTORY);
	}
}

static void try_look(unsigned start)
{
	char path[PATH_ROOM];
	uint64_t key, first = __atomic_load_n(&now, __ATOMIC_ACQUIRE);
	bool follow = fake_random(3);
	path_make(path);
	int error = look_up(start, path, follow, &key);
	pthread_mutex_lock(&model);
	bool right = names_may_answer(first, now, starts[start], path, follow, error, key);
	answers++;
	absent += error != 0;
	unsure += now - first > 3;
	pthread_mutex_unlock(&model);
	if (!right) {
		fprintf(stderr, "from %u %s%s: error %d, object %llx, between moments %llu and %llu\n", starts[start], path, follow ? "" : " itself",
			error, (unsigned long long)key, (unsigned long long)first, (unsigned long long)now);
		abort();
	}
}

/* Walks begin somewhere else. */
static void move_start(unsigned start)
{
	char path[PATH_ROOM];
	path_make(path);
	struct place p = names_find(starts[start], path, true);
	bool possible = !p.error && p.object && objects[p.object].kind == DIRECTORY;
	if (start == 0) {
		judge("chdir", path, CALL(sys_chdir, TEXT(path)), possible);
	} else {
		long fd = CALL(sys_openat, start_fd(start), TEXT(path), O_RDONLY | O_DIRECTORY);
		judge("open", path, fd < 0 ? fd : 0, possible);
		if (fd >= 0) {
			assert_int_equal(CALL(sys_dup2, (uint64_t)fd, start_fd(start)), start_fd(start));
			fd_close((int)fd);
		}
	}
	if (possible) {
		objects[starts[start]].kept--;
		objects[p.object].kept++;
		starts[start] = p.object;
	}
}

/* ---- a file system to try, whose root is the process's ---- */
static unsigned memory_before;

static void begin(const char *type)
{
	static const char here[] = "/w";
	struct dentry *d;
	fake_seed();
	if (!root_dentry) {
		assert_int_equal(fs_mount_root("disk", ""), 0);
		assert_int_equal(CALL(sys_mkdirat, (uint64_t)AT_FDCWD, TEXT(here), 0755), 0);
	}
	dentries_drop(root_dentry->super);
	memory_before = fake_memory_in_use();
	assert_int_equal(CALL(sys_mount, TEXT("x"), TEXT(here), TEXT(type), 0), 0);
	fake_process.fs = fs_context_create();
	fake_process.files = file_table_create();
	fake_process.rlimits[7] = (struct rlimit_pair){ 256, 256 };
	assert_int_equal(CALL(sys_chroot, TEXT(here)), 0);
	assert_int_equal(CALL(sys_chdir, TEXT("/")), 0);
	assert_int_equal(path_find(AT_FDCWD, "/", true, &d), 0);
	names_reset(key_of(d->inode));
	dentry_put(d);
	for (unsigned i = 0; i < STARTS; i++) {
		starts[i] = 1;
		objects[1].kept++;
		assert_int_equal(i == 0 ? 0 : CALL(sys_openat, (uint64_t)AT_FDCWD, TEXT("/"), O_RDONLY | O_DIRECTORY), i ? i - 1 : 0);
	}
	over = alone = false;
	mounts = 0;
	changes = answers = absent = unsure = 0;
}

/* One that is not below another: its path leads there. */
static bool unmount_one(void)
{
	char path[1024];
	for (struct list *node = super_list.prev; node != super_list.next; node = node->prev) {
		struct super *s = container_of(node, struct super, link);
		assert_true(dentry_path(s->root, root_dentry, path, sizeof(path)) > 0);
		if (CALL(sys_umount2, TEXT(path), 0) == 0) {
			return true;
		}
	}
	return false;
}

static void unmount_all(void)
{
	while (super_list.prev != super_list.next) {
		assert_true(unmount_one());
	}
}

static void end(void)
{
	file_table_put(fake_process.files);
	fs_context_put(fake_process.fs);
	fake_process.files = NULL;
	fake_process.fs = NULL;
	unmount_all();
	dentries_drop(root_dentry->super);
	epoch_wait();
	assert_int_equal(tree_check(root_dentry->super), 2);
	assert_int_equal(fake_memory_in_use(), memory_before);
	printf("%llu changes, %llu look-ups, of which %llu found nothing and %llu met several changes\n", (unsigned long long)changes,
	       (unsigned long long)answers, (unsigned long long)absent, (unsigned long long)unsure);
}

static void alone_it_is_the_model(const char *type)
{
	begin(type);
	alone = true;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned start = (unsigned)fake_random(STARTS);
		uint64_t what = fake_random(50);
		what == 0 ? move_start(start) : what < 20 ? try_change(start) : try_look(start);
	}
	end();
}

static void reader(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		try_look((unsigned)fake_random(STARTS));
	}
}

static void shrinker(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		dentries_shrink();
		sched_yield();
	}
}

static void look_ups_see_what_was_there(const char *type)
{
	struct fake_thread *threads[READERS + 1];
	begin(type);
	for (unsigned i = 0; i < 200; i++) { /* something to begin with, and to begin in */
		try_change(0);
		move_start(1 + i % (STARTS - 1));
	}
	for (unsigned i = 0; i <= READERS; i++) {
		threads[i] = fake_thread_start(i ? reader : shrinker, NULL);
	}
	for (unsigned i = 0; i < 2500; i++) {
		pthread_mutex_lock(&model);
		try_change((unsigned)fake_random(STARTS));
		pthread_mutex_unlock(&model);
		if (fake_random(2)) {
			sched_yield();
		}
	}
	over = true;
	for (unsigned i = 0; i <= READERS; i++) {
		fake_thread_join(threads[i]);
	}
	end();
}

/* Without the model: whatever is possible. */
static void changer(void *arg)
{
	char one[PATH_ROOM], two[PATH_ROOM];
	for (unsigned i = 0; i < 6000; i++) {
		uint64_t fd = start_fd((unsigned)fake_random(STARTS)), key;
		path_make(one);
		path_make(two);
		switch (fake_random(12)) {
		case 0:
			CALL(sys_linkat, fd, TEXT(one), fd, TEXT(two), 0);
			break;
		case 1:
		case 2:
			CALL(sys_renameat2, fd, TEXT(one), fd, TEXT(two), fake_random(3));
			break;
		case 3:
			CALL(sys_symlinkat, TEXT(one), fd, TEXT(two));
			break;
		case 4:
		case 5:
			CALL(sys_unlinkat, fd, TEXT(one), 0);
			break;
		case 6:
		case 7:
			CALL(sys_unlinkat, fd, TEXT(one), AT_REMOVEDIR);
			break;
		case 8: {
			long opened = CALL(sys_openat, fd, TEXT(one), O_CREAT | O_RDONLY, 0644);
			if (opened >= 0) {
				fd_close((int)opened);
			}
			break;
		}
		case 9:
			fake_random(8) ? look_up(0, one, true, &key) : fake_random(3) ? CALL(sys_umount2, TEXT(one), 0)
				       : CALL(sys_mount, TEXT("x"), TEXT(one), TEXT(fake_random(2) ? "tmpfs" : "ext4"), 0);
			break;
		default:
			CALL(sys_mkdirat, fd, TEXT(one), 0755);
		}
	}
}

/* Watches come and go meanwhile, and events are read (fs/notify.c). */
static void watcher(void *arg)
{
	char path[PATH_ROOM], events[1024];
	long fd = -1;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		uint64_t what = fake_random(16);
		fd = fd < 0 ? CALL(sys_inotify_init1, O_NONBLOCK) : fd;
		assert_true(fd >= 0);
		if (what == 0) {
			assert_int_equal(fd_close((int)fd), 0);
			fd = -1;
		} else if (what == 1) {
			CALL(sys_inotify_rm_watch, (uint64_t)fd, fake_random(32));
		} else if (what < 6) {
			struct file *f = file_from_fd((int)fd);
			long n = f->ops->read(f, events, sizeof(events), NULL);
			assert_true(n == -EAGAIN || (n >= 16 && n % 16 == 0));
			file_put(f);
		} else {
			path_make(path);
			CALL(sys_inotify_add_watch, (uint64_t)fd, TEXT(path), 0xfff | (fake_random(2) ? 0x80000000u : 0));
		}
		if (what < 4) {
			sched_yield();
		}
	}
	if (fd >= 0) {
		fd_close((int)fd);
	}
}

/* As the name cache has it: a directory's links are its subdirectories', a file's its names. */
struct counted {
	const struct inode *inode;
	unsigned links;
};
static struct counted counted[1000];
static unsigned counted_count;

static void count_names(const struct dentry *d)
{
	unsigned at = 0;
	while (at < counted_count && counted[at].inode != d->inode) {
		at++;
	}
	assert_true(at < 1000);
	counted_count += at == counted_count;
	counted[at].inode = d->inode;
	counted[at].links += S_IS(d->inode->mode, S_IFDIR) ? 2 : 1;
	list_for_each(node, &d->children) {
		const struct dentry *child = container_of(node, struct dentry, child_link);
		if (child->hashed && child->inode) {
			count_names(child);
			counted[at].links += S_IS(child->inode->mode, S_IFDIR);
		}
	}
}

static void memory_check(const struct super *super)
{
	memset(counted, 0, sizeof(counted));
	counted_count = 0;
	count_names(super->root);
	for (unsigned i = 0; i < counted_count; i++) {
		assert_int_equal(counted[i].inode->links, counted[i].links);
	}
}

static void both_sides_fit_after_many_changes(const char *type)
{
	struct fake_thread *threads[CHANGERS];
	begin(type);
	struct fake_thread *watches = fake_thread_start(watcher, NULL);
	for (unsigned i = 0; i < CHANGERS; i++) {
		threads[i] = fake_thread_start(changer, NULL);
	}
	for (unsigned i = 0; i < CHANGERS; i++) {
		fake_thread_join(threads[i]);
	}
	over = true;
	fake_thread_join(watches);
	list_for_each(node, &super_list) {
		struct super *s = container_of(node, struct super, link);
		s->pinned ? memory_check(s) : (void)tree_check(s);
	}
	end();
}

/* What is used there, and how: a directory that is gone, the root, or nothing; its files are there afterwards. */
static void unmounting_hurts_nobody(void **state)
{
	static const uint64_t here = AT_FDCWD;
	begin("tmpfs");
	assert_int_equal(CALL(sys_mkdirat, here, TEXT("/a"), 0755), 0);
	assert_int_equal(CALL(sys_mount, TEXT("x"), TEXT("/a"), TEXT("tmpfs"), 0), 0);
	assert_int_equal(CALL(sys_mkdirat, here, TEXT("/a/b"), 0755), 0);
	assert_int_equal(CALL(sys_mkdirat, here, TEXT("/a/c"), 0755), 0);
	long fd = CALL(sys_openat, here, TEXT("/a/b"), O_RDONLY);
	assert_int_equal(CALL(sys_unlinkat, here, TEXT("/a/b"), AT_REMOVEDIR), 0);
	assert_int_equal(CALL(sys_umount2, TEXT("/a"), 0), -EBUSY);
	assert_int_equal(fd_close((int)fd), 0);
	fd = CALL(sys_openat, here, TEXT("/a"), O_RDONLY);
	assert_int_equal(CALL(sys_umount2, TEXT("/a"), 0), -EBUSY);
	assert_int_equal(fd_close((int)fd), 0);
	key_at(0, "/a/c");
	assert_int_equal(CALL(sys_umount2, TEXT("/a"), 0), 0);
	assert_int_equal(CALL(sys_umount2, TEXT("/a"), 0), -EINVAL);
	end();
}

#define OVER_BOTH(test)               \
	static void test##_disk(void **s) \
	{                             \
		test("ext4");         \
	}                             \
	static void test##_memory(void **s) \
	{                             \
		test("tmpfs");        \
	}
OVER_BOTH(alone_it_is_the_model)
OVER_BOTH(look_ups_see_what_was_there)
OVER_BOTH(both_sides_fit_after_many_changes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unmounting_hurts_nobody), cmocka_unit_test(alone_it_is_the_model_disk), cmocka_unit_test(alone_it_is_the_model_memory),
		cmocka_unit_test(look_ups_see_what_was_there_disk), cmocka_unit_test(look_ups_see_what_was_there_memory),
		cmocka_unit_test(both_sides_fit_after_many_changes_disk), cmocka_unit_test(both_sides_fit_after_many_changes_memory),
	};
	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
