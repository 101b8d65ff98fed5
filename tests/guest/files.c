/* SPDX-License-Identifier: MIT */
/* The file system calls: names, links, attributes, data, holes, locks, directories, polling. Works in a directory that it makes in
 * the current one, or in argv[1]. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

#define FAILS(call, error) ((call) == -1 && errno == (error))

static int make(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		return -1;
	}
	return fd;
}

static bool holds(const char *name, const char *text)
{
	char buffer[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buffer, sizeof(buffer));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(buffer, text, (size_t)n) == 0;
}

static ino_t inode(const char *name)
{
	struct stat st;
	return lstat(name, &st) == 0 ? st.st_ino : 0;
}

static nlink_t links(const char *name)
{
	struct stat st;
	return lstat(name, &st) == 0 ? st.st_nlink : 0;
}

static void open_flags(void)
{
	int fd = make("f", "hello");
	CHECK(fd >= 0);
	CHECK(FAILS(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST));
	CHECK(FAILS(open("none", O_RDONLY), ENOENT));
	CHECK(FAILS(open("f/x", O_RDONLY), ENOTDIR));
	CHECK(FAILS(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR));
	CHECK(FAILS(open(".", O_WRONLY), EISDIR));
	CHECK(FAILS(open("new/", O_CREAT | O_WRONLY, 0600), EISDIR));
	CHECK(symlink("f", "l") == 0);
	CHECK(FAILS(open("l", O_RDONLY | O_NOFOLLOW), ELOOP));
	CHECK(FAILS(open("l", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST));
	CHECK(symlink("through", "dangling") == 0);
	int made = open("dangling", O_CREAT | O_WRONLY, 0600);
	CHECK(made >= 0 && inode("through") != 0);
	close(made);
	int append = open("l", O_WRONLY | O_APPEND);
	CHECK(write(append, "+", 1) == 1 && lseek(append, 0, SEEK_CUR) == 6);
	CHECK(holds("f", "hello+"));
	CHECK((fcntl(append, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_WRONLY));
	char c;
	CHECK(FAILS(read(append, &c, 1), EBADF));
	close(append);
	int none = open("f", O_RDONLY);
	CHECK(FAILS(write(none, "x", 1), EBADF));
	close(none);
	CHECK(close(open("f", O_WRONLY | O_TRUNC)) == 0 && holds("f", ""));
	close(fd);
	CHECK(FAILS(close(fd), EBADF));
	char name[300];
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && close(fd) == 0 && unlink(name) == 0);
	name[255] = 'n';
	name[256] = '\0';
	CHECK(FAILS(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG));
	CHECK(FAILS(open("", O_RDONLY), ENOENT));
	CHECK(unlink("f") == 0 && unlink("l") == 0 && unlink("dangling") == 0 && unlink("through") == 0);
}

static void offsets(void)
{
	char b[32];
	int fd = make("f", "0123456789");
	CHECK(pread(fd, b, 4, 3) == 4 && memcmp(b, "3456", 4) == 0 && lseek(fd, 0, SEEK_CUR) == 10);
	CHECK(pwrite(fd, "XY", 2, 5) == 2 && lseek(fd, 2, SEEK_SET) == 2);
	CHECK(read(fd, b, 32) == 8 && memcmp(b, "234XY789" + 0, 3) == 0 && memcmp(b, "234", 3) == 0 && b[3] == 'X');
	CHECK(lseek(fd, -3, SEEK_END) == 7 && read(fd, b, 32) == 3 && read(fd, b, 32) == 0);
	CHECK(FAILS(lseek(fd, -1, SEEK_SET), EINVAL));
	struct iovec v[3] = { { b, 2 }, { b + 10, 0 }, { b + 20, 5 } };
	lseek(fd, 0, SEEK_SET);
	CHECK(readv(fd, v, 3) == 7 && memcmp(b, "01", 2) == 0 && memcmp(b + 20, "234XY" + 0, 3) == 0);
	CHECK(pwritev(fd, v, 1, 8) == 2 && holds("f", "01234XY701"));
	int other = dup(fd);
	CHECK(lseek(other, 4, SEEK_SET) == 4 && lseek(fd, 0, SEEK_CUR) == 4);
	CHECK(fcntl(other, F_GETFD) == 0 && fcntl(other, F_SETFD, FD_CLOEXEC) == 0 && fcntl(other, F_GETFD) == FD_CLOEXEC);
	CHECK(dup2(fd, other) == other && fcntl(other, F_GETFD) == 0);
	CHECK(fcntl(fd, F_DUPFD, 100) >= 100 && close(100) == 0);
	close(other);
	close(fd);
	CHECK(unlink("f") == 0);
}

static void holes(void)
{
	struct stat st;
	char b[4096], zero[4096] = { 0 };
	int fd = make("f", "");
	CHECK(ftruncate(fd, 1 << 20) == 0 && fstat(fd, &st) == 0 && st.st_size == 1 << 20);
	CHECK(pread(fd, b, 4096, 500000) == 4096 && memcmp(b, zero, 4096) == 0);
	CHECK(pwrite(fd, "data", 4, 655360) == 4);
	CHECK(pread(fd, b, 8, 655356) == 8 && memcmp(b, "\0\0\0\0data", 8) == 0);
	CHECK(ftruncate(fd, 655362) == 0 && ftruncate(fd, 700000) == 0);
	CHECK(pread(fd, b, 8, 655358) == 8 && memcmp(b, "\0\0da\0\0\0\0", 8) == 0);
	CHECK(lseek(fd, 0, SEEK_END) == 700000);
	CHECK(FAILS(ftruncate(fd, -1), EINVAL));
	CHECK(truncate("f", 3) == 0 && fstat(fd, &st) == 0 && st.st_size == 3);
	CHECK(pwrite(fd, "end", 3, 10000) == 3 && pread(fd, b, 4096, 3) == 4096 && memcmp(b, zero, 4096) == 0);
	close(fd);
	CHECK(unlink("f") == 0);
}

static void large_data(void)
{
	enum { SIZE = 3 << 20 };
	char *a = malloc(SIZE), *b = malloc(SIZE);
	for (int i = 0; i < SIZE; i++) {
		a[i] = (char)(i * 2654435761u >> 13);
	}
	int fd = make("f", "");
	for (int at = 0, n = 1; at < SIZE; at += n, n = n * 3 % 100003 + 1) {
		n = n < SIZE - at ? n : SIZE - at;
		CHECK(write(fd, a + at, (size_t)n) == n);
	}
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(pread(fd, b, SIZE, 0) == SIZE && memcmp(a, b, SIZE) == 0);
	for (int i = 0; i < 300; i++) {
		int at = (int)(i * 7919u * 131 % (SIZE - 5000)), n = i * 17 % 5000 + 1;
		memset(a + at, i, (size_t)n);
		CHECK(pwrite(fd, a + at, (size_t)n, at) == n);
	}
	memset(b, 0, SIZE);
	CHECK(pread(fd, b, SIZE, 0) == SIZE && memcmp(a, b, SIZE) == 0);
	close(fd);
	CHECK(unlink("f") == 0);
	free(a);
	free(b);
}

static void hard_links(void)
{
	close(make("f", "x"));
	CHECK(link("f", "g") == 0 && inode("f") == inode("g") && links("f") == 2);
	CHECK(FAILS(link("f", "g"), EEXIST));
	CHECK(FAILS(link(".", "h"), EPERM));
	int fd = open("f", O_RDWR);
	CHECK(unlink("f") == 0 && links("g") == 1 && unlink("g") == 0);
	struct stat st;
	char c;
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && pread(fd, &c, 1, 0) == 1 && c == 'x');
	CHECK(pwrite(fd, "yz", 2, 0) == 2 && fsync(fd) == 0);
	close(fd);
	CHECK(FAILS(unlink("f"), ENOENT));
	CHECK(FAILS(unlink("."), EISDIR) || errno == EPERM);
}

static void symbolic_links(void)
{
	char b[300], target[256];
	memset(target, 't', 255);
	target[255] = '\0';
	CHECK(symlink(target, "long") == 0 && readlink("long", b, sizeof(b)) == 255 && memcmp(b, target, 255) == 0);
	CHECK(readlink("long", b, 10) == 10);
	CHECK(symlink("loop", "loop") == 0 && FAILS(open("loop", O_RDONLY), ELOOP));
	CHECK(mkdir("d", 0755) == 0 && symlink("d", "dl") == 0);
	close(make("dl/x", "in"));
	CHECK(holds("d/x", "in") && holds("dl/../dl/./x", "in"));
	struct stat st;
	CHECK(lstat("dl", &st) == 0 && S_ISLNK(st.st_mode) && lstat("dl/", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(FAILS(readlink("d", b, 10), EINVAL));
	CHECK(FAILS(rmdir("dl"), ENOTDIR) && FAILS(rmdir("d"), ENOTEMPTY));
	CHECK(unlink("d/x") == 0 && rmdir("d") == 0 && FAILS(stat("dl", &st), ENOENT));
	CHECK(unlink("dl") == 0 && unlink("loop") == 0 && unlink("long") == 0);
}

static void directories(void)
{
	CHECK(mkdir("d", 0777) == 0 && FAILS(mkdir("d", 0777), EEXIST) && FAILS(mkdir("x/y", 0777), ENOENT));
	CHECK(links("d") == 2 && mkdir("d/e/", 0700) == 0 && links("d") == 3);
	CHECK(FAILS(rmdir("d"), ENOTEMPTY) && FAILS(rmdir("d/."), EINVAL) && FAILS(rmdir("d/e/.."), ENOTEMPTY));
	CHECK(FAILS(unlink("d"), EISDIR) || errno == EPERM);
	char name[32];
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "d/name-%d", i);
		close(make(name, ""));
	}
	DIR *dir = opendir("d");
	int names = 0, seen[500] = { 0 };
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		names++;
		if (strncmp(e->d_name, "name-", 5) == 0) {
			seen[atoi(e->d_name + 5)]++;
			CHECK(e->d_type == DT_REG || e->d_type == DT_UNKNOWN);
		}
	}
	CHECK(names == 503);
	for (int i = 0; i < 500; i++) {
		CHECK(seen[i] == 1);
	}
	rewinddir(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) { /* removing while reading */
		snprintf(name, sizeof(name), "d/%.20s", e->d_name);
		if (e->d_name[0] == 'n') {
			CHECK(unlink(name) == 0);
		}
	}
	closedir(dir);
	CHECK(rmdir("d/e") == 0 && links("d") == 2 && rmdir("d") == 0);
}

static void working_directory(void)
{
	char before[512], b[512];
	CHECK(getcwd(before, sizeof(before)) == before);
	CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0 && getcwd(b, sizeof(b)) != NULL);
	CHECK(strncmp(b, before, strlen(before)) == 0 && strcmp(b + strlen(before), "/d") == 0);
	CHECK(syscall(SYS_getcwd, b, 3) == -1 && errno == ERANGE);
	int fd = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(chdir("..") == 0 && fchdir(fd) == 0 && chdir("..") == 0);
	int f = openat(fd, "in", O_CREAT | O_RDWR, 0600);
	CHECK(f >= 0 && inode("d/in") != 0 && close(f) == 0);
	CHECK(faccessat(fd, "in", R_OK, 0) == 0 && unlinkat(fd, "in", 0) == 0 && FAILS(faccessat(fd, "in", R_OK, 0), ENOENT));
	CHECK(mkdirat(fd, "e", 0700) == 0 && unlinkat(fd, "e", AT_REMOVEDIR) == 0);
	CHECK(fchdir(fd) == 0 && rmdir(before[0] ? "../d" : "") == 0 && FAILS(syscall(SYS_getcwd, b, sizeof(b)), ENOENT));
	CHECK(FAILS(open("x", O_CREAT | O_WRONLY, 0600), ENOENT));
	close(fd);
	CHECK(chdir(before) == 0 && FAILS(chdir("none"), ENOENT));
}

static void renames(void)
{
	close(make("a", "a"));
	close(make("b", "b"));
	ino_t number = inode("a");
	CHECK(rename("a", "b") == 0 && inode("b") == number && inode("a") == 0 && holds("b", "a"));
	CHECK(FAILS(rename("a", "c"), ENOENT));
	CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && mkdir("d/s", 0755) == 0 && links("d") == 3);
	CHECK(FAILS(rename("b", "d"), EISDIR) && FAILS(rename("d", "b"), ENOTDIR));
	CHECK(FAILS(rename("d", "d/s/t"), EINVAL) && FAILS(rename("e", "d"), ENOTEMPTY));
	CHECK(rename("d/s", "e/s") == 0 && links("d") == 2 && links("e") == 3);
	struct stat st;
	CHECK(stat("e/s/..", &st) == 0 && st.st_ino == inode("e"));
	CHECK(rename("e", "d") == 0 && links("d") == 3 && inode("e") == 0 && inode("d/s") != 0);
	CHECK(link("b", "b2") == 0 && rename("b", "b2") == 0 && inode("b") != 0);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "b2", 1) == -1 && errno == EEXIST);
	CHECK(rename("b", "d/s/f") == 0 && rename("b2", "b2") == 0 && holds("d/s/f", "a"));
	int fd = open("d/s/f", O_RDONLY);
	CHECK(rename("b2", "d/g") == 0 && unlink("d/s/f") == 0 && unlink("d/g") == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && close(fd) == 0);
	CHECK(rmdir("d/s") == 0 && rmdir("d") == 0);
}

static void attributes(void)
{
	struct stat st;
	int fd = make("f", "x");
	CHECK(fchmod(fd, 04751) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 04751);
	CHECK(chmod("f", 0600) == 0 && stat("f", &st) == 0 && (st.st_mode & 07777) == 0600 && st.st_blksize >= 512);
	struct timespec t[2] = { { 1000000001, 123456789 }, { 2000000002, 987654321 } };
	CHECK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000001 && st.st_mtim.tv_sec == 2000000002 && st.st_mtim.tv_nsec == 987654321);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	CHECK(futimens(fd, t) == 0 && stat("f", &st) == 0 && st.st_atim.tv_sec == 1000000001 && st.st_mtim.tv_sec < 2000000002);
	struct timespec old = st.st_mtim;
	CHECK(pwrite(fd, "y", 1, 0) == 1 && stat("f", &st) == 0);
	CHECK(st.st_mtim.tv_sec > old.tv_sec || (st.st_mtim.tv_sec == old.tv_sec && st.st_mtim.tv_nsec >= old.tv_nsec));
	CHECK(access("f", R_OK | W_OK) == 0 && access("none", F_OK) == -1);
	mode_t mask = umask(077);
	int g = open("g", O_CREAT | O_WRONLY, 0666);
	umask(mask);
	CHECK(fstat(g, &st) == 0 && (st.st_mode & 0777) == 0600 && close(g) == 0);
	CHECK(close(fd) == 0 && unlink("f") == 0 && unlink("g") == 0);
	struct statfs fs;
	CHECK(statfs(".", &fs) == 0 && fs.f_blocks > 0 && fs.f_bfree <= fs.f_blocks && fs.f_namelen >= 255);
	CHECK(FAILS(mknod("s", S_IFDIR | 0700, 0), EPERM) || errno == EINVAL);
}

static void mapping(void)
{
	char page[8192];
	int fd = make("f", "");
	memset(page, 'a', sizeof(page));
	CHECK(write(fd, page, 6000) == 6000);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[5999] == 'a' && p[6000] == 0);
	p[100] = 'b';
	p[5000] = 'c';
	char c;
	CHECK(pread(fd, &c, 1, 100) == 1 && c == 'b');
	CHECK(pwrite(fd, "d", 1, 200) == 1 && p[200] == 'd');
	CHECK(msync(p, 8192, MS_SYNC) == 0 && munmap(p, 8192) == 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	CHECK(p != MAP_FAILED && p[5000 - 4096] == 'c');
	p[0] = 'z';
	CHECK(pread(fd, &c, 1, 4096) == 1 && c == 'a' && munmap(p, 4096) == 0);
	/* A write from memory that maps the very page it goes to. */
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(pwrite(fd, p, 1000, 500) == 1000 && p[600] == 'b' && munmap(p, 4096) == 0);
	close(fd);
	CHECK(unlink("f") == 0);
}

static void copies(void)
{
	int a = make("a", "0123456789"), b = make("b", "");
	off_t at = 2;
	CHECK(sendfile(b, a, &at, 5) == 5 && at == 7 && holds("b", "23456") && lseek(a, 0, SEEK_CUR) == 10);
	off_t from = 0, to = 5;
	CHECK(syscall(SYS_copy_file_range, a, &from, b, &to, 3, 0) == 3 && holds("b", "23456012"));
	int p[2];
	CHECK(pipe(p) == 0);
	lseek(a, 0, SEEK_SET);
	char c[16];
	CHECK(sendfile(p[1], a, NULL, 100) == 10 && read(p[0], c, 16) == 10 && c[9] == '9');
	CHECK(FAILS(lseek(p[0], 0, SEEK_SET), ESPIPE) && FAILS(pread(p[0], c, 1, 0), ESPIPE));
	close(p[0]);
	close(p[1]);
	close(a);
	close(b);
	CHECK(unlink("a") == 0 && unlink("b") == 0);
}

static void locks(void)
{
	int fd = make("f", "0123456789");
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 4 };
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct flock k = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 2 };
		int mine = open("f", O_RDWR);
		bool ok = fcntl(mine, F_SETLK, &k) == 0;
		k.l_len = 0;
		ok = ok && fcntl(mine, F_SETLK, &k) == -1 && (errno == EAGAIN || errno == EACCES);
		k.l_type = F_WRLCK;
		ok = ok && fcntl(mine, F_GETLK, &k) == 0 && k.l_type == F_WRLCK && k.l_start == 2 && k.l_len == 4 && k.l_pid == getppid();
		k = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 1 };
		ok = ok && fcntl(mine, F_SETLKW, &k) == 0; /* until the parent lets go */
		int other = open("f", O_RDWR);
		ok = ok && flock(mine, LOCK_EX) == 0 && flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
		ok = ok && flock(mine, LOCK_UN) == 0 && flock(other, LOCK_SH | LOCK_NB) == 0;
		_exit(ok ? 0 : 1);
	}
	until_asleep(pid);
	l.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(fd);
	CHECK(unlink("f") == 0);
}

static void polling(void)
{
	int p[2];
	CHECK(pipe(p) == 0);
	struct pollfd f[3] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 }, { 99, POLLIN, 0 } };
	CHECK(poll(f, 2, 0) == 1 && f[0].revents == 0 && f[1].revents == POLLOUT);
	CHECK(poll(f, 1, 20) == 0 && poll(f + 2, 1, -1) == 1 && f[2].revents == POLLNVAL);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(30000);
		_exit(write(p[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK(poll(f, 1, 100000) == 1 && f[0].revents == POLLIN && waitpid(pid, NULL, 0) == pid);
	fd_set in, out;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	struct timeval t = { 0, 0 };
	CHECK(select(p[1] + 1, &in, &out, NULL, &t) == 2 && FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
	close(p[1]);
	char c;
	CHECK(read(p[0], &c, 1) == 1 && poll(f, 1, 0) == 1 && f[0].revents == POLLHUP && read(p[0], &c, 1) == 0);
	close(p[0]);
	t.tv_usec = 20000;
	CHECK(select(0, NULL, NULL, NULL, &t) == 0);
}

static void events(void)
{
	int e = eventfd(3, EFD_NONBLOCK), set = epoll_create1(EPOLL_CLOEXEC);
	uint64_t value;
	CHECK(e >= 0 && set >= 0 && read(e, &value, 8) == 8 && value == 3 && FAILS(read(e, &value, 8), EAGAIN));
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 77 }, got[4];
	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, e, &event) == 0 && FAILS(epoll_ctl(set, EPOLL_CTL_ADD, e, &event), EEXIST));
	CHECK(epoll_wait(set, got, 4, 0) == 0);
	value = 5;
	CHECK(write(e, &value, 8) == 8 && epoll_wait(set, got, 4, -1) == 1 && got[0].data.u64 == 77 && got[0].events == EPOLLIN);
	event.events = EPOLLOUT;
	CHECK(epoll_ctl(set, EPOLL_CTL_MOD, e, &event) == 0 && epoll_wait(set, got, 4, 0) == 1 && got[0].events == EPOLLOUT);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, e, NULL) == 0 && FAILS(epoll_ctl(set, EPOLL_CTL_DEL, e, NULL), ENOENT));
	int p[2];
	CHECK(pipe(p) == 0);
	event = (struct epoll_event){ .events = EPOLLIN, .data.fd = p[0] };
	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, p[0], &event) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(30000);
		_exit(write(p[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK(epoll_wait(set, got, 4, 100000) == 1 && got[0].data.fd == p[0] && waitpid(pid, NULL, 0) == pid);
	close(p[0]);
	close(p[1]);
	CHECK(epoll_wait(set, got, 4, 0) == 0);
	close(e);
	close(set);
}

static void fifos(void)
{
	CHECK(mkfifo("p", 0600) == 0 && FAILS(open("p", O_WRONLY | O_NONBLOCK), ENXIO));
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open("p", O_WRONLY);
		_exit(write(fd, "through", 7) == 7 ? 0 : 1);
	}
	char b[16];
	int fd = open("p", O_RDONLY);
	CHECK(fd >= 0 && read(fd, b, 16) == 7 && memcmp(b, "through", 7) == 0 && read(fd, b, 16) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid && close(fd) == 0);
	struct stat st;
	CHECK(stat("p", &st) == 0 && S_ISFIFO(st.st_mode) && unlink("p") == 0);
}

static void proc_files(void)
{
	char b[512], name[64];
	int fd = make("f", "x");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, b, sizeof(b));
	CHECK(n > 2 && memcmp(b + n - 2, "/f", 2) == 0);
	int again = open(name, O_RDONLY);
	CHECK(again >= 0 && read(again, b, 10) == 1 && close(again) == 0);
	CHECK(readlink("/proc/self/exe", b, sizeof(b)) > 0);
	snprintf(name, sizeof(name), "%d", getpid());
	n = readlink("/proc/self", b, sizeof(b));
	CHECK(n == (ssize_t)strlen(name) && memcmp(b, name, (size_t)n) == 0);
	close(fd);
	fd = open("/proc/self/stat", O_RDONLY);
	n = read(fd, b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = '\0';
	CHECK(n > 0 && atoi(b) == getpid() && strstr(b, ") R ") != NULL);
	close(fd);
	CHECK(unlink("f") == 0);
	fd = open("/dev/zero", O_RDONLY);
	b[5] = 1;
	CHECK(read(fd, b, 512) == 512 && b[5] == 0 && close(fd) == 0);
	fd = open("/dev/full", O_WRONLY);
	CHECK(FAILS(write(fd, b, 1), ENOSPC) && close(fd) == 0);
}

static void permissions(void)
{
	if (geteuid() != 0) {
		return;
	}
	CHECK(mkdir("open", 01777) == 0 && chmod("open", 01777) == 0 && mkdir("shut", 0700) == 0);
	close(make("open/root", "x"));
	CHECK(chmod("open/root", 0644) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = setgid(1000) == 0 && setuid(1000) == 0;
		ok = ok && FAILS(open("shut/x", O_CREAT | O_WRONLY, 0600), EACCES) && FAILS(chdir("shut"), EACCES);
		ok = ok && FAILS(open("open/root", O_WRONLY), EACCES) && FAILS(unlink("open/root"), EPERM);
		ok = ok && FAILS(chmod("open/root", 0666), EPERM) && FAILS(chown("open/root", 1000, 1000), EPERM);
		int fd = open("open/mine", O_CREAT | O_RDWR, 0600);
		struct stat st;
		ok = ok && fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 1000 && st.st_gid == 1000 && unlink("open/mine") == 0;
		_exit(ok ? 0 : 1);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(unlink("open/root") == 0 && rmdir("open") == 0 && rmdir("shut") == 0);
}

static void many_descriptors(void)
{
	int fds[300];
	for (int i = 0; i < 300; i++) {
		fds[i] = open("/dev/null", O_RDONLY);
		CHECK(fds[i] >= 0 && (i == 0 || fds[i] > fds[i - 1]));
	}
	close(fds[10]);
	CHECK(open("/dev/null", O_RDONLY) == fds[10]);
	CHECK(syscall(SYS_close_range, fds[0], fds[299], 0) == 0 && FAILS(fcntl(fds[150], F_GETFD), EBADF));
}

int main(int argc, char **argv)
{
	if ((argc > 1 && chdir(argv[1]) != 0) || mkdir("files-test", 0755) != 0 || chdir("files-test") != 0) {
		perror("files-test");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	RUN(open_flags);
	RUN(offsets);
	RUN(holes);
	RUN(large_data);
	RUN(hard_links);
	RUN(symbolic_links);
	RUN(directories);
	RUN(working_directory);
	RUN(renames);
	RUN(attributes);
	RUN(mapping);
	RUN(copies);
	RUN(locks);
	RUN(polling);
	RUN(events);
	RUN(fifos);
	RUN(proc_files);
	RUN(permissions);
	RUN(many_descriptors);
	if (check_failures == 0 && (chdir("..") != 0 || rmdir("files-test") != 0)) {
		printf("not ok clean-up: something was left behind\n");
		return 1;
	}
	return check_failures;
}
