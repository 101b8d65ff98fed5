/* SPDX-License-Identifier: MIT */
/*
 * See workdir.h. A directory whose lock nobody holds belongs to a machine that lost its watcher too; it is used again. The lock is the last that goes with a
 * directory: who has locked the file that is there by its name has the directory, and nobody removes anything in it.
 */
#include "workdir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define LOCK "lock"
#define LOOKS 100 /* for the lock of a machine that is ending */
#define LOOK_NS 20000000
#define HALF_MADE "half-made" /* a link to a file elsewhere that goes with the directory */

const char *workdir_base(void)
{
	static char base[32];
	snprintf(base, sizeof(base), "/tmp/bulkhead-%u", (unsigned)geteuid());
	return base;
}

const char *workdir_file(const struct workdir *dir, const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", dir->path, name);
	return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (ftw->level > 1 || (ftw->level == 1 && strcmp(path + ftw->base, LOCK) != 0)) {
		remove(path);
	}
	return 0;
}

/* By who has the lock. */
static void remove_tree(const char *path)
{
	char lock[128];
	snprintf(lock, sizeof(lock), "%s/" LOCK, path);
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	unlink(lock);
	rmdir(path);
}

/* Is /proc/PID a QEMU or Bochs whose arguments speak of our directory? */
static int is_our_emulator(const char *pid, const char *dir)
{
	char path[300], text[32768];
	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0) {
		close(fd);
	}
	if (n <= 0 || (!memmem(text, (size_t)n, "qemu-system", 11) && strcmp(text, "bochs") != 0)) {
		return 0;
	}
	char inside[80];
	snprintf(inside, sizeof(inside), "%s/", dir);
	return memmem(text, (size_t)n, inside, strlen(inside)) != NULL;
}

static void kill_emulator(const char *dir)
{
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		if (isdigit((unsigned char)entry->d_name[0]) && is_our_emulator(entry->d_name, dir)) {
			kill(atoi(entry->d_name), SIGKILL);
		}
	}
	if (proc) {
		closedir(proc);
	}
}

/* See workdir_half_made. */
static void remove_half_made(const char *dir)
{
	char link[128], path[PATH_MAX];
	snprintf(link, sizeof(link), "%s/" HALF_MADE, dir);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length > 0) {
		path[length] = '\0';
		unlink(path);
	}
}

static void watch(const char *dir, int alive)
{
	sigset_t all;
	char byte;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++) {
		dup2(null, fd);
	}
	while (read(alive, &byte, 1) > 0) {
	}
	kill_emulator(dir);
	remove_half_made(dir);
	remove_tree(dir);
	rmdir(workdir_base());
	_exit(0);
}

static int make_base(void)
{
	const char *base = workdir_base();
	struct stat st;
	if (mkdir(base, 0700) != 0 && errno != EEXIST) {
		return fail(VMCTL_HOST, "directory %s can't be made: %s", base, strerror(errno));
	}
	if (lstat(base, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
		return fail(VMCTL_HOST, "%s is not a directory of yours: remove it", base);
	}
	return 0;
}

/* Make and lock the directory. 0, -EAGAIN while another machine has it, -ENOENT if one has just removed it, or -errno. */
static int make_locked(struct workdir *dir)
{
	struct stat ours, there;
	const char *lock = workdir_file(dir, LOCK);
	if (mkdir(dir->path, 0700) != 0 && errno != EEXIST) {
		return -errno;
	}
	dir->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (dir->lock < 0) {
		return -errno;
	}
	int error = flock(dir->lock, LOCK_EX | LOCK_NB) != 0 ? -EAGAIN : 0;
	if (!error && (fstat(dir->lock, &ours) != 0 || stat(lock, &there) != 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)) {
		error = -ENOENT;
	}
	if (error) {
		close(dir->lock);
	}
	return error;
}

/* The same, and a machine that ends has a moment for it. */
static int make_locked_patiently(struct workdir *dir)
{
	const struct timespec moment = { .tv_nsec = LOOK_NS };
	int error = make_locked(dir);
	for (unsigned n = 0; n < LOOKS && (error == -EAGAIN || error == -ENOENT); n++) {
		if (error == -EAGAIN) {
			nanosleep(&moment, NULL);
		} else if (make_base() != 0) {
			return error;
		}
		error = make_locked(dir);
	}
	return error;
}

int workdir_open(struct workdir *dir, const char *name)
{
	char own[32];
	snprintf(own, sizeof(own), "run-%d", (int)getpid());
	name = name ? name : own;
	int error = make_base();
	if (error) {
		return error;
	}
	snprintf(dir->path, sizeof(dir->path), "%s/%s", workdir_base(), name);
	error = make_locked_patiently(dir);
	if (error == -EAGAIN) {
		return fail(VMCTL_USAGE, "a machine named \"%s\" runs already: choose another --name", name);
	}
	if (error) {
		return fail(VMCTL_HOST, "directory %s can't be made: %s", dir->path, strerror(-error));
	}
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) != 0 || (dir->watcher = fork()) < 0) {
		return fail(VMCTL_HOST, "no watcher process: %s", strerror(errno));
	}
	if (dir->watcher == 0) {
		close(pipes[1]);
		watch(dir->path, pipes[0]);
	}
	close(pipes[0]);
	dir->alive = pipes[1];
	setenv("TMPDIR", dir->path, 1); /* what the programs that we call leave behind goes, too */
	return 0;
}

void workdir_half_made(const struct workdir *dir, const char *path)
{
	char absolute[PATH_MAX];
	if (path[0] == '/' || !getcwd(absolute, sizeof(absolute))) {
		absolute[0] = '\0';
	}
	size_t length = strlen(absolute);
	snprintf(absolute + length, sizeof(absolute) - length, "%s%s", length ? "/" : "", path);
	(void)!symlink(absolute, workdir_file(dir, HALF_MADE));
}

void workdir_close(struct workdir *dir)
{
	close(dir->alive);
	while (waitpid(dir->watcher, NULL, 0) < 0 && errno == EINTR) {
	}
	close(dir->lock);
}
