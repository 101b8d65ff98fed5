/* SPDX-License-Identifier: MIT */
/*
 * Fills the memory from many processes for as long as it is told: no call may return an error that it should not, and all but those that
 * take without end go on to the last. memory_fill SECONDS DIRECTORY-ON-DISK..
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)
#define PATIENCE 200 /* seconds more, until each kind has done what it does once */

static struct shared {
	volatile unsigned rounds[32], errors;
	volatile int stop;
} *all;
static char directory[200];
static const char *self;

/* A call that failed as it should not; of those that may fail for one reason, `allowed`. */
static long must(long result, int allowed, const char *what)
{
	if (result < 0 && errno != allowed) {
		int number = errno;
		__atomic_fetch_add(&all->errors, 1, __ATOMIC_RELAXED);
		fprintf(stderr, "%s: %s\n", what, strerror(number));
		exit(1);
	}
	return result;
}
#define MUST(call) must((long)(call), 0, #call)

static void hog(void)
{
	for (;;) {
		char *at = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must((long)at == -1 ? -1 : 0, ENOMEM, "mmap");
		for (long i = 0; at != MAP_FAILED && i < 8 * MIB; i += 4096) {
			at[i] = (char)i;
		}
	}
}

static void forks(void)
{
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		static char page[64 * 1024];
		memset(page, 1, sizeof(page));
		_exit(7);
	}
	int status;
	MUST(waitpid(child, &status, 0));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) {
		errno = ECHILD;
		MUST(-1);
	}
}

static void execs(void)
{
	pid_t child = (pid_t)MUST(vfork());
	if (child == 0) {
		execl(self, self, "true", NULL);
		_exit(errno);
	}
	int status;
	MUST(waitpid(child, &status, 0));
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1);
}

/* Writes a file, reads it again, takes it away. `allowed`: ENOSPC where the file system is memory. */
static void file_round(const char *where, long bytes, int allowed)
{
	static char out[32 * 1024], in[32 * 1024];
	char name[256];
	snprintf(name, sizeof(name), "%s/file.%d", where, getpid());
	memset(out, getpid() & 0xff, sizeof(out));
	int fd = (int)must(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600), allowed, "open");
	if (fd < 0) {
		return;
	}
	long done = 0;
	while (done < bytes) {
		long n = must(write(fd, out, sizeof(out)), allowed, "write");
		if (n < (long)sizeof(out)) {
			break;
		}
		done += n;
	}
	MUST(lseek(fd, 0, SEEK_SET));
	for (long at = 0; at < done; at += (long)sizeof(in)) {
		MUST(read(fd, in, sizeof(in)) == (long)sizeof(in) ? 0 : -1);
		errno = EILSEQ;
		MUST(memcmp(in, out, sizeof(in)) == 0 ? 0 : -1);
	}
	MUST(close(fd));
	MUST(unlink(name));
}

static void disk_file(void)
{
	file_round(directory, 3 * MIB, 0);
}

static void memory_file(void)
{
	file_round("/tmp", 2 * MIB, ENOSPC);
}

static void reads(void)
{
	static char buffer[64 * 1024];
	int fd = (int)MUST(open(self, O_RDONLY));
	while (MUST(read(fd, buffer, sizeof(buffer))) > 0) {
	}
	MUST(close(fd));
}

static void fill(int in, int out)
{
	static char buffer[16 * 1024];
	long filled = 0, n;
	MUST(fcntl(in, F_SETFL, O_NONBLOCK));
	MUST(fcntl(out, F_SETFL, O_NONBLOCK));
	while ((n = must(write(in, buffer, sizeof(buffer)), EAGAIN, "write")) > 0) {
		filled += n;
	}
	while ((n = must(read(out, buffer, sizeof(buffer)), EAGAIN, "read")) > 0) {
		filled -= n;
	}
	errno = EIO;
	MUST(filled == 0 ? 0 : -1);
	MUST(close(in));
	MUST(close(out));
}

static void pipes(void)
{
	int ends[8][2];
	for (int i = 0; i < 8; i++) {
		MUST(pipe(ends[i]));
	}
	for (int i = 0; i < 8; i++) {
		fill(ends[i][1], ends[i][0]);
	}
}

static void sockets(void)
{
	int ends[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	fill(ends[0], ends[1]);
}

static void names(void)
{
	char dir[256], from[400], to[420], link_name[420];
	snprintf(dir, sizeof(dir), "%s/dir.%d", directory, getpid());
	MUST(mkdir(dir, 0700));
	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "%s/a-name-that-is-long-enough-to-need-memory-of-its-own-%d", dir, i);
		snprintf(to, sizeof(to), "%s.renamed", from);
		snprintf(link_name, sizeof(link_name), "%s.link", from);
		MUST(close((int)MUST(open(from, O_CREAT | O_WRONLY, 0600))));
		MUST(rename(from, to));
		MUST(symlink(to, link_name));
		MUST(access(link_name, R_OK));
		MUST(unlink(link_name));
		MUST(unlink(to));
	}
	MUST(rmdir(dir));
}

static void *thread(void *arg)
{
	char page[8192];
	memset(page, 1, sizeof(page));
	return page[1] ? arg : NULL;
}

static void threads(void)
{
	pthread_t list[8];
	for (int i = 0; i < 8; i++) {
		errno = pthread_create(&list[i], NULL, thread, list);
		MUST(errno ? -1 : 0);
	}
	for (int i = 0; i < 8; i++) {
		MUST(pthread_join(list[i], NULL) ? -1 : 0);
	}
}

/* Every process forks for as long as it may; all of them end well. */
static void bomb(void)
{
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		static char page[16 * 1024];
		const struct rlimit limit = { 16, 16 };
		MUST(setuid(1000));
		MUST(setrlimit(RLIMIT_NPROC, &limit));
		while (!all->stop && must(fork(), EAGAIN, "fork") >= 0) {
			memset(page, 1, sizeof(page));
		}
		int status, wrong = 0;
		while (waitpid(-1, &status, 0) > 0) {
			wrong |= status;
		}
		_exit(wrong != 0);
	}
	int status;
	MUST(waitpid(child, &status, 0));
	errno = ECHILD;
	MUST(status == 0 ? 0 : -1);
}

/* Pages of a file on disk made dirty here and there, by a mapping and by write(2), and seldom asked to be written. */
static void dirty_file(void)
{
	static char page[4096];
	char name[256];
	snprintf(name, sizeof(name), "%s/dirty.%d", directory, getpid());
	int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	MUST(ftruncate(fd, 4 * MIB));
	char *at = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	for (unsigned i = 0; i < 1024; i++) {
		unsigned index = i * 389 % 1024;
		memset(page, (int)index, sizeof(page));
		if (index & 1) {
			memcpy(at + index * 4096, page, sizeof(page));
		} else {
			MUST(pwrite(fd, page, sizeof(page), index * 4096l));
		}
	}
	static unsigned round;
	if (round++ % 4 == 0) {
		MUST(msync(at, 4 * MIB, MS_SYNC));
	}
	errno = EILSEQ;
	for (unsigned i = 0; i < 4 * MIB; i += 512) {
		MUST(at[i] == (char)(i / 4096) ? 0 : -1);
	}
	MUST(munmap(at, 4 * MIB));
	MUST(close(fd));
	MUST(unlink(name));
}

/* A file system in memory and a file without a name, each written until there is no more room. */
static void full_files(void)
{
	static char buffer[64 * 1024];
	char where[64], name[80];
	snprintf(where, sizeof(where), "/tmp/full.%d", getpid());
	snprintf(name, sizeof(name), "%s/file", where);
	MUST(mkdir(where, 0700));
	MUST(mount("none", where, "tmpfs", 0, "size=2m"));
	int fd = (int)MUST(open(name, O_RDWR | O_CREAT, 0600));
	long n, done = 0;
	while ((n = must(write(fd, buffer, sizeof(buffer)), ENOSPC, "write")) > 0) {
		done += n;
	}
	errno = EFBIG;
	MUST(done <= 2 * MIB ? 0 : -1);
	MUST(close(fd));
	MUST(umount(where));
	MUST(rmdir(where));
	fd = (int)MUST(memfd_create("full", 0));
	for (int i = 0; i < 32 && must(write(fd, buffer, sizeof(buffer)), ENOSPC, "write") > 0; i++) {
	}
	MUST(close(fd));
}

/* As many descriptors as there may be. */
static void descriptors(void)
{
	static int list[1100];
	int count = 0, ends[2];
	for (int i = 0; i < 270; i++) {
		list[count] = (int)must(open(self, O_RDONLY), EMFILE, "open");
		count += list[count] >= 0;
		list[count] = (int)must(eventfd(0, 0), EMFILE, "eventfd");
		count += list[count] >= 0;
		list[count] = (int)must(i & 1 ? epoll_create1(0) : timerfd_create(CLOCK_MONOTONIC, 0), EMFILE, "epoll_create1");
		count += list[count] >= 0;
		if (must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), EMFILE, "socketpair") == 0) {
			list[count++] = ends[0];
			list[count++] = ends[1];
		}
	}
	while (count > 0) {
		MUST(close(list[--count]));
	}
}

static void large_pipe(void)
{
	int ends[2];
	MUST(pipe(ends));
	MUST(fcntl(ends[0], F_SETPIPE_SZ, MIB));
	fill(ends[1], ends[0]);
}

/* Down a path deeper than any name can say, and up again. */
static void tree_in(const char *where)
{
	char top[256];
	snprintf(top, sizeof(top), "%s/tree.%d", where, getpid());
	MUST(mkdir(top, 0700));
	MUST(chdir(top));
	for (int i = 0; i < 60; i++) {
		MUST(mkdir("a-directory-in-a-directory", 0700));
		MUST(chdir("a-directory-in-a-directory"));
	}
	for (int i = 0; i < 60; i++) {
		MUST(chdir(".."));
		MUST(rmdir("a-directory-in-a-directory"));
	}
	MUST(chdir("/"));
	MUST(rmdir(top));
}

static void tree(void)
{
	tree_in(directory);
	tree_in("/tmp");
}

/* Large pages, where there are any: shared with a child, broken in the middle, moved. */
static void large(void)
{
	char *at = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	MUST(madvise(at, 4 * MIB, MADV_HUGEPAGE));
	for (long i = 0; i < 4 * MIB; i += 4096) {
		at[i] = (char)(i >> 12);
	}
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		at[MIB] = 1;
		_exit(at[MIB + 4096] != 1);
	}
	MUST(mprotect(at + MIB, 64 * 1024, PROT_READ));
	MUST(munmap(at + 3 * MIB, MIB));
	char *moved = mremap(at + MIB + MIB, MIB, 2 * MIB, MREMAP_MAYMOVE);
	MUST(moved == MAP_FAILED ? -1 : 0);
	int status;
	MUST(waitpid(child, &status, 0));
	errno = EILSEQ;
	MUST(status == 0 && at[4096] == 1 && moved[4096] == 1 && moved[MIB] == 0 ? 0 : -1);
	MUST(munmap(at, 2 * MIB));
	MUST(munmap(moved, 2 * MIB));
}

static void (*const kinds[])(void) = { hog, hog, forks, execs, disk_file, disk_file, memory_file, reads, pipes, sockets, names, threads,
	bomb, dirty_file, full_files, descriptors, large_pipe, tree, large };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static pid_t start(unsigned kind)
{
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		while (!all->stop) {
			kinds[kind]();
			all->rounds[kind]++;
		}
		_exit(0);
	}
	return child;
}

static bool all_had_a_round(void)
{
	for (unsigned i = 0; i < KINDS; i++) {
		if (kinds[i] != hog && !all->rounds[i]) {
			return false;
		}
	}
	return true;
}

int main(int count, char **arguments)
{
	pid_t children[KINDS];
	unsigned killed = 0, rounds = 0;
	if (count < 3) {
		return 0;
	}
	self = arguments[0];
	snprintf(directory, sizeof(directory), "%s", arguments[2]);
	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	time_t end = time(NULL) + atoi(arguments[1]);
	for (unsigned i = 0; i < KINDS; i++) {
		children[i] = start(i);
	}
	while (time(NULL) < end || (time(NULL) < end + PATIENCE && (!killed || !all_had_a_round()))) {
		int status;
		pid_t gone = waitpid(-1, &status, WNOHANG);
		for (unsigned i = 0; gone > 0 && i < KINDS; i++) {
			if (children[i] == gone) {
				killed += kinds[i] == hog && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
				if (kinds[i] != hog) {
					fprintf(stderr, "kind %u has gone: status %x\n", i, status);
					all->errors++;
				}
				children[i] = start(i);
			}
		}
		if (gone <= 0) {
			usleep(20000);
		}
	}
	all->stop = 1;
	for (unsigned i = 0; i < KINDS; i++) {
		if (kinds[i] == hog) {
			kill(children[i], SIGKILL);
		}
		waitpid(children[i], NULL, 0);
		rounds += all->rounds[i];
	}
	for (unsigned i = 0; i < KINDS; i++) {
		fprintf(stderr, "kind %u: %u rounds\n", i, all->rounds[i]);
	}
	printf("rounds %s, without one: %s, hogs killed %s, errors %u\n", rounds ? "many" : "none", all_had_a_round() ? "none" : "some",
		killed ? "some" : "none", all->errors);
	return all->errors != 0;
}
