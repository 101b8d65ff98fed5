/* SPDX-License-Identifier: MIT */
/*
 * Look-ups against changes: while some threads rename, remove and make names, close and open descriptors, start and reap processes, others
 * look up what is there all the time, and always find it, and it is the right one.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CHANGES 3000
#define READERS 3

static char folder[64];
static atomic_bool over;
static atomic_int failures;
static ino_t deep_inode, steady_inode;
static int steady;
static pid_t steady_child;

static void expect(bool good)
{
	if (!good) {
		atomic_fetch_add(&failures, 1);
	}
}

static int make_file(const char *name, char content)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0644);
	expect(fd >= 0 && write(fd, &content, 1) == 1);
	return fd;
}

/* One changer, READERS readers. */
static bool against(void *(*change)(void *), void *(*look)(void *))
{
	pthread_t readers[READERS];
	atomic_store(&over, false);
	atomic_store(&failures, 0);
	for (int i = 0; i < READERS; i++) {
		pthread_create(&readers[i], NULL, look, NULL);
	}
	change(NULL);
	atomic_store(&over, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i], NULL);
	}
	return atomic_load(&failures) == 0;
}

/* Siblings on the way come and go; what is below "deep" stays. A long name and a short one take turns. */
static void *churn_siblings(void *unused)
{
	static const char *const names[] = { "deep/a/other", "deep/a/b/a-name-that-is-too-long-to-lie-within-the-entry-itself", "deep/x" };
	for (int i = 0; i < CHANGES; i++) {
		const char *from = names[i % 3], *to = names[(i + 1) % 3];
		close(make_file(from, 'x'));
		expect(rename(from, to) == 0);
		expect(unlink(to) == 0);
	}
	return NULL;
}

static void *look_deep(void *unused)
{
	struct stat st;
	while (!atomic_load(&over)) {
		expect(stat("deep/a/b/c/file", &st) == 0 && st.st_ino == deep_inode);
		expect(stat("deep/a/../a/./b/c/../c/file", &st) == 0 && st.st_ino == deep_inode);
		expect(stat("deep/a/b/c/none", &st) == -1 && errno == ENOENT);
	}
	return NULL;
}

/* A name that is replaced by rename is never absent, and what is behind it is one or the other whole. */
static void *replace(void *unused)
{
	for (int i = 0; i < CHANGES; i++) {
		close(make_file("deep/fresh", i & 1 ? 'A' : 'B'));
		expect(rename("deep/fresh", "deep/there") == 0);
	}
	return NULL;
}

static void *open_replaced(void *unused)
{
	while (!atomic_load(&over)) {
		struct stat st;
		char c = 0;
		int fd = open("deep/there", O_RDONLY);
		expect(fd >= 0 && read(fd, &c, 1) == 1 && (c == 'A' || c == 'B'));
		close(fd);
		expect(stat("deep/there", &st) == 0 && st.st_size == 1);
		expect(access("deep/there", R_OK) == 0);
	}
	return NULL;
}

/* A whole directory goes to and fro: what is in it is at one of two places, and nowhere else. */
static void *swing(void *unused)
{
	for (int i = 0; i < CHANGES; i++) {
		expect(rename(i & 1 ? "deep/right" : "left/swing", i & 1 ? "left/swing" : "deep/right") == 0);
	}
	return NULL;
}

static void *look_swinging(void *unused)
{
	while (!atomic_load(&over)) {
		struct stat st;
		int left = stat("left/swing/in/it", &st);
		expect(left == 0 ? st.st_ino == steady_inode : errno == ENOENT);
		int right = stat("deep/right/in/it", &st);
		expect(right == 0 ? st.st_ino == steady_inode : errno == ENOENT);
		expect(stat("deep/right/in/it/below", &st) == -1 && (errno == ENOENT || errno == ENOTDIR));
	}
	return NULL;
}

static void *churn_descriptors(void *unused)
{
	int many[100];
	for (int i = 0; i < CHANGES / 20; i++) {
		for (int n = 0; n < 100; n++) {
			many[n] = dup(steady);
		}
		for (int n = 0; n < 100; n++) {
			expect(close(many[n]) == 0);
		}
	}
	return NULL;
}

static void *look_descriptors(void *unused)
{
	struct stat st;
	char c;
	while (!atomic_load(&over)) {
		expect(fstat(steady, &st) == 0 && st.st_ino == steady_inode);
		expect(pread(steady, &c, 1, 0) == 1 && c == 'A');
		expect(fstat(steady + 20, &st) == 0 ? st.st_ino == steady_inode : errno == EBADF);
		expect(pread(steady + 21, &c, 1, 0) == 1 ? c == 'A' : errno == EBADF);
	}
	return NULL;
}

static void *churn_processes(void *unused)
{
	for (int i = 0; i < CHANGES / 30; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			_exit(0);
		}
		expect(kill(pid, 0) == 0); /* alive or not, it has not been waited for */
		expect(waitpid(pid, NULL, 0) == pid);
		expect(kill(pid, 0) == -1 && errno == ESRCH);
	}
	return NULL;
}

static void *look_processes(void *unused)
{
	char name[40];
	struct stat st;
	snprintf(name, sizeof(name), "/proc/%d", (int)steady_child);
	while (!atomic_load(&over)) {
		expect(kill(steady_child, 0) == 0);
		expect(getpgid(steady_child) == getpgrp());
		expect(getsid(steady_child) == getsid(0));
		expect(stat(name, &st) == 0);
	}
	return NULL;
}

static void names_beside(void)
{
	CHECK(against(churn_siblings, look_deep));
}

static void names_replaced(void)
{
	close(make_file("deep/there", 'A'));
	CHECK(against(replace, open_replaced));
}

static void directories_moved(void)
{
	CHECK(against(swing, look_swinging));
}

static void descriptors(void)
{
	CHECK(against(churn_descriptors, look_descriptors));
}

static void processes(void)
{
	steady_child = fork();
	if (steady_child == 0) {
		pause();
		_exit(0);
	}
	CHECK(against(churn_processes, look_processes));
	kill(steady_child, SIGKILL);
	CHECK(waitpid(steady_child, NULL, 0) == steady_child);
}

int main(int argc, char **argv)
{
	struct stat st;
	snprintf(folder, sizeof(folder), "%s/lookups.%d", argc > 1 ? argv[1] : "/tmp", (int)getpid());
	if (mkdir(folder, 0755) || chdir(folder) || mkdir("deep", 0755) || mkdir("deep/a", 0755) || mkdir("deep/a/b", 0755) ||
	    mkdir("deep/a/b/c", 0755) || mkdir("left", 0755) || mkdir("left/swing", 0755) || mkdir("left/swing/in", 0755)) {
		return 1;
	}
	close(make_file("deep/a/b/c/file", 'A'));
	steady = make_file("left/swing/in/it", 'A');
	if (stat("deep/a/b/c/file", &st)) {
		return 1;
	}
	deep_inode = st.st_ino;
	if (fstat(steady, &st)) {
		return 1;
	}
	steady_inode = st.st_ino;
	RUN(names_beside);
	RUN(names_replaced);
	RUN(directories_moved);
	RUN(descriptors);
	RUN(processes);
	return check_failures;
}
