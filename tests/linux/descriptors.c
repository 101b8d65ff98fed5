/* SPDX-License-Identifier: MIT */
/* Descriptors: duplicates, flags, record and file locks, copying between them. On any file system. */
#include "calls.h"

#include <sched.h>

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

static void duplicates(void)
{
	make_file("file", "0123456789");
	int fd = (int)CALL(open("file", O_RDONLY | O_CLOEXEC));
	int copy = (int)CALL(dup(fd));
	CALL(fcntl(fd, F_GETFD));
	CALL(fcntl(copy, F_GETFD));
	CALL(lseek(fd, 5, SEEK_SET));
	CALL(lseek(copy, 0, SEEK_CUR));
	CALL(dup(99));
	CALL(dup(-1));
	CALL(dup2(fd, 20));
	CALL(dup2(fd, fd));
	CALL(dup2(99, 99));
	CALL(dup2(99, 5));
	CALL(dup2(fd, -1));
	CALL(dup2(fd, 1 << 30));
	CALL(syscall(SYS_dup3, fd, 21, O_CLOEXEC));
	CALL(fcntl(21, F_GETFD));
	CALL(syscall(SYS_dup3, fd, fd, 0));
	CALL(syscall(SYS_dup3, fd, 22, O_NONBLOCK));
	CALL(fcntl(fd, F_DUPFD, 30));
	CALL(fcntl(fd, F_DUPFD, 30));
	CALL(fcntl(fd, F_DUPFD_CLOEXEC, 30));
	CALL(fcntl(32, F_GETFD));
	CALL(fcntl(fd, F_DUPFD, -1));
	CALL(fcntl(fd, F_DUPFD, 1 << 30));
	CALL(close(20));
	CALL(close(20));
	CALL(close(-1));
	CALL(syscall(SYS_close_range, 30, 40, 0));
	CALL(fcntl(31, F_GETFD));
	CALL(syscall(SYS_close_range, 5, 3, 0));
	CALL(syscall(SYS_close_range, 3, 4, 0x10));
	CALL(syscall(SYS_close_range, 3, 100, 4));
	CALL(fcntl(copy, F_GETFD));
	struct rlimit limit = { 10, 10 };
	CALL(setrlimit(RLIMIT_NOFILE, &limit));
	CALL(dup2(fd, 10));
	CALL(dup2(fd, 9));
	CALL(fcntl(fd, F_DUPFD, 10));
	CALL(fcntl(fd, F_DUPFD, 9));
	while (dup(fd) >= 0) {
	}
	CALL(dup(fd));
	CALL(open("file", O_RDONLY));
	int ends[2];
	CALL(pipe(ends));
}

static void flags(void)
{
	make_file("file", "x");
	int fd = (int)CALL(open("file", O_RDWR | O_APPEND));
	SHOW("flags", "%x", fcntl(fd, F_GETFL) & ~O_LARGEFILE & ~0100000);
	CALL(fcntl(fd, F_SETFL, O_NONBLOCK));
	SHOW("flags", "%x", fcntl(fd, F_GETFL) & ~0100000);
	CALL(fcntl(fd, F_SETFL, O_APPEND | O_WRONLY | O_CREAT | O_TRUNC));
	SHOW("flags", "%x", fcntl(fd, F_GETFL) & ~0100000);
	CALL(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CALL(fcntl(fd, F_GETFD));
	CALL(fcntl(fd, F_SETFD, 0));
	CALL(fcntl(fd, F_GETFD));
	CALL(fcntl(fd, 9999, 0));
	CALL(fcntl(99, F_GETFL));
	CALL(fcntl(fd, F_GETOWN));
	CALL(fcntl(fd, F_SETPIPE_SZ, 4096));
	int on = 1;
	CALL(ioctl(fd, FIONBIO, &on));
	SHOW("flags after FIONBIO", "%x", fcntl(fd, F_GETFL) & ~0100000);
	CALL(ioctl(fd, FIOCLEX));
	CALL(fcntl(fd, F_GETFD));
	CALL(ioctl(fd, FIONCLEX));
	CALL(fcntl(fd, F_GETFD));
	int bytes = -1;
	CALL(ioctl(fd, FIONREAD, &bytes));
	SHOW("bytes to read", "%d", bytes);
	CALL(ioctl(fd, TIOCGWINSZ, &bytes));
	CALL(ioctl(fd, 0x12345678, &bytes));
	CALL(ioctl(99, FIONREAD, &bytes));
	CALL(ioctl(fd, FIONREAD, NOWHERE));
	int ends[2];
	CALL(syscall(SYS_pipe2, ends, O_NONBLOCK | O_CLOEXEC));
	SHOW("flags of a pipe", "%x %x %d", fcntl(ends[0], F_GETFL), fcntl(ends[1], F_GETFL), fcntl(ends[0], F_GETFD));
}

static struct flock whole = { .l_type = F_WRLCK };

static void child_locks(void)
{
	int fd = (int)CALL(open("file", O_RDWR));
	struct flock ask = { .l_type = F_RDLCK };
	CALL(fcntl(fd, F_SETLK, &ask));
	CALL(fcntl(fd, F_GETLK, &ask));
	SHOW("the lock in the way", "%d %d %ld %ld %d", ask.l_type, ask.l_whence, (long)ask.l_start, (long)ask.l_len, ask.l_pid == getppid());
	ask = (struct flock){ .l_type = F_WRLCK, .l_start = 200, .l_len = 10 };
	CALL(fcntl(fd, F_SETLK, &ask));
}


static void record_locks(void)
{
	make_file("file", "0123456789");
	int fd = (int)CALL(open("file", O_RDWR)), reader = (int)CALL(open("file", O_RDONLY));
	struct flock lock = { .l_type = F_WRLCK, .l_start = 0, .l_len = 100 };
	CALL(fcntl(fd, F_SETLK, &lock));
	CALL(child_status(child_locks));
	CALL(fcntl(reader, F_SETLK, &whole));
	lock.l_type = F_GETLK;
	CALL(fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -20, .l_len = 5 };
	CALL(fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){ .l_type = F_RDLCK, .l_whence = 7 };
	CALL(fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){ .l_type = F_RDLCK, .l_start = 50, .l_len = -60 };
	CALL(fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){ .l_type = F_RDLCK, .l_start = 50, .l_len = -10 };
	CALL(fcntl(fd, F_SETLK, &lock));
	CALL(fcntl(fd, F_SETLK, NOWHERE));
	CALL(fcntl(99, F_SETLK, &lock));
	lock = (struct flock){ .l_type = F_UNLCK };
	CALL(fcntl(fd, F_GETLK, &lock));
	lock = (struct flock){ .l_type = F_WRLCK };
	CALL(fcntl(fd, F_GETLK, &lock));
	SHOW("one's own locks are not in the way", "%d", lock.l_type);
	lock = (struct flock){ .l_type = F_UNLCK };
	CALL(fcntl(fd, F_SETLKW, &lock));
	lock = (struct flock){ .l_type = F_WRLCK, .l_pid = 0 };
	CALL(fcntl(fd, F_OFD_SETLK, &lock));
	CALL(fcntl(reader, F_OFD_GETLK, &lock));
	SHOW("a lock of the open file", "%d %d", lock.l_type, lock.l_pid);
	lock = (struct flock){ .l_type = F_RDLCK };
	CALL(fcntl(reader, F_OFD_SETLK, &lock));
	lock.l_pid = 1;
	CALL(fcntl(reader, F_OFD_SETLK, &lock));
}

static void file_locks(void)
{
	make_file("file", "");
	int a = (int)CALL(open("file", O_RDONLY)), b = (int)CALL(open("file", O_RDONLY));
	CALL(flock(a, LOCK_SH));
	CALL(flock(b, LOCK_SH | LOCK_NB));
	CALL(flock(a, LOCK_EX | LOCK_NB));
	CALL(flock(b, LOCK_UN));
	CALL(flock(a, LOCK_EX | LOCK_NB));
	CALL(flock(b, LOCK_SH | LOCK_NB));
	CALL(flock(a, 0));
	CALL(flock(a, LOCK_SH | LOCK_EX));
	CALL(flock(99, LOCK_SH));
	int copy = (int)CALL(dup(a));
	CALL(close(a));
	CALL(flock(b, LOCK_EX | LOCK_NB));
	CALL(close(copy));
	CALL(flock(b, LOCK_EX | LOCK_NB));
}

static void copying(void)
{
	char text[32] = "";
	make_file("from", "0123456789");
	make_file("to", "");
	int from = (int)CALL(open("from", O_RDWR)), to = (int)CALL(open("to", O_RDWR));
	off_t at = 3, beyond = 100;
	CALL(sendfile(to, from, &at, 4));
	SHOW("offset after", "%ld", (long)at);
	CALL(lseek(from, 0, SEEK_CUR));
	CALL(sendfile(to, from, NULL, 2));
	CALL(lseek(from, 0, SEEK_CUR));
	CALL(sendfile(to, from, &beyond, 2));
	CALL(pread(to, text, sizeof(text), 0));
	SHOW("text", "%s", text);
	int only = (int)CALL(open("to", O_RDONLY));
	CALL(sendfile(only, from, NULL, 1));
	CALL(sendfile(to, 99, NULL, 1));
	CALL(sendfile(99, from, NULL, 1));
	at = -1;
	CALL(sendfile(to, from, &at, 1));
	CALL(sendfile(to, from, NOWHERE, 1));
	int ends[2];
	pipe(ends);
	CALL(sendfile(ends[1], from, NULL, 100));
	CALL(sendfile(to, ends[0], NULL, 1));
	off_t in = 0, out = 20;
	CALL(copy_file_range(from, &in, to, &out, 5, 0));
	SHOW("offsets after", "%ld %ld", (long)in, (long)out);
	CALL(copy_file_range(from, &in, to, &out, 100, 0));
	CALL(copy_file_range(from, &in, to, &out, 100, 0));
	CALL(copy_file_range(from, &in, to, &out, 100, 1));
	CALL(copy_file_range(from, &in, only, &out, 100, 0));
	CALL(copy_file_range(ends[0], NULL, to, NULL, 100, 0));
	in = 0, out = 2;
	CALL(copy_file_range(from, &in, from, &out, 5, 0));
	int append = (int)CALL(open("to", O_WRONLY | O_APPEND));
	in = 0;
	CALL(sendfile(append, from, &in, 1));
	in = 0;
	CALL(copy_file_range(from, &in, append, NULL, 1, 0));
	int directory = (int)CALL(open(".", O_RDONLY));
	CALL(sendfile(to, directory, NULL, 1));
	CALL(copy_file_range(directory, NULL, to, NULL, 1, 0));
}

static void sharing_of_files(void)
{
	make_file("file", "0123456789");
	int fd = (int)CALL(open("file", O_RDONLY)), status;
	char c;
	if (fork() == 0) {
		read(fd, &c, 1);
		close(fd);
		_exit(0);
	}
	wait(&status);
	CALL(lseek(fd, 0, SEEK_CUR));
	int again = open("file", O_RDONLY);
	CALL(lseek(again, 0, SEEK_CUR));
	CALL(unlink("file"));
	CALL(read(fd, &c, 1));
	SHOW("read from the removed", "%c", c);
	char name[32], target[200] = "";
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CALL(readlink(name, target, sizeof(target)) > 0);
	SHOW("its name", "%s", strrchr(target, '/') ? strrchr(target, '/') : target);
}

static int lock_byte(int fd, int command, int type, off_t byte)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	return fcntl(fd, command, &l);
}

#define CIRCLE 3

/* Each has a byte and waits for the next one's: whoever comes last to that is refused, and lets the one before go on, and so on. */
static void locks_in_a_circle(void)
{
	int fd = open("locked", O_RDWR | O_CREAT, 0644), ready[2], go[2], refused = 0, got = 0;
	char c;
	pipe(ready);
	pipe(go);
	for (int i = 0; i < CIRCLE; i++) {
		if (fork() == 0) {
			lock_byte(fd, F_SETLK, F_WRLCK, i);
			write(ready[1], "r", 1);
			read(go[0], &c, 1);
			int result = lock_byte(fd, F_SETLKW, F_WRLCK, (i + 1) % CIRCLE);
			_exit(result == 0 ? 0 : errno == EDEADLK ? 1 : 2);
		}
	}
	for (int i = 0; i < CIRCLE; i++) {
		read(ready[0], &c, 1);
	}
	write(go[1], "ggg", CIRCLE);
	for (int i = 0; i < CIRCLE; i++) {
		int status;
		wait(&status);
		refused += WEXITSTATUS(status) == 1;
		got += WEXITSTATUS(status) == 0;
	}
	SHOW("refused of three", "%d", refused);
	SHOW("got their locks", "%d", got);
	/* One who waits for nobody is waited for. */
	lock_byte(fd, F_SETLK, F_WRLCK, 0);
	if (fork() == 0) {
		write(ready[1], "r", 1);
		_exit(lock_byte(fd, F_SETLKW, F_RDLCK, 0) == 0 ? 0 : errno);
	}
	read(ready[0], &c, 1);
	CALL(lock_byte(fd, F_SETLKW, F_WRLCK, 1));
	lock_byte(fd, F_SETLK, F_UNLCK, 0);
	int status;
	wait(&status);
	SHOW("who waited", "%x", status);
}

static int in_child(void *arg)
{
	errno = 0;
	long result = unshare(*(int *)arg);
	int error = errno, fd = dup(0);
	umask(077);
	chdir("/");
	_exit(result ? error : fd >= 0 ? 100 : 101);
}

/* A child that shares descriptors and directories, and takes out what `flags` name: what of its changes is seen here. */
static void unshared(int flags)
{
	static char stack[65536];
	char directory[256];
	int status, next = dup(0);
	umask(022);
	close(next);
	pid_t child = clone(in_child, stack + sizeof(stack), CLONE_FILES | CLONE_FS | SIGCHLD, &flags);
	waitpid(child, &status, 0);
	bool descriptor = fcntl(next, F_GETFD) >= 0, moved = strcmp(getcwd(directory, sizeof(directory)), "/") == 0;
	SHOW("unshared", "%x: %d, descriptor %d, umask %o, moved %d", (unsigned)flags, WEXITSTATUS(status), descriptor, umask(022), moved);
	close(next);
}

static void taken_out(void)
{
	unshared(0);
	unshared(CLONE_FILES);
	unshared(CLONE_FS);
	unshared(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM);
	CALL(unshare(CLONE_THREAD));
	CALL(unshare(CLONE_VM));
	CALL(unshare(CLONE_SIGHAND));
	CALL(unshare(CLONE_PARENT));
	CALL(unshare(1));
}

/* Calls that find an open file by its name in /proc give it back: its end comes when the descriptor is closed. */
static void found_by_name(void)
{
	int ends[2], notices = inotify_init1(IN_NONBLOCK);
	char name[64], text[256];
	struct stat info;
	uint8_t more[256];
	struct statfs system;
	pipe2(ends, O_NONBLOCK);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
	IS(getxattr(name, "user.x", text, sizeof(text)) < 0);
	IS(lgetxattr(name, "security.selinux", text, sizeof(text)) < 0);
	IS(setxattr(name, "user.x", "v", 1, 0) < 0);
	IS(removexattr(name, "user.x") < 0);
	listxattr(name, text, sizeof(text));
	CALL(stat(name, &info));
	CALL(lstat(name, &info));
	CALL(syscall(SYS_statx, AT_FDCWD, name, 0, 2, more));
	CALL(access(name, W_OK));
	CALL(statfs(name, &system));
	SHOW("file system of a pipe", "%lx, blocks of %ld, %ld of them, names of %ld", (long)system.f_type, (long)system.f_bsize,
	     (long)system.f_blocks, (long)system.f_namelen);
	CALL(fstatfs(notices, &system));
	SHOW("file system of an inotify descriptor", "%lx, flags %lx", (long)system.f_type, (long)system.f_flags);
	CALL(chdir(name));
	CALL(truncate(name, 0));
	CALL(linkat(AT_FDCWD, name, AT_FDCWD, "link", AT_SYMLINK_FOLLOW));
	CALL(mkdir(name, 0700));
	CALL(rmdir(name));
	CALL(open(name, O_WRONLY | O_DIRECTORY));
	CALL(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
	IS(chmod(name, 0600) == 0 || errno);
	IS(chown(name, getuid(), getgid()) == 0 || errno);
	utimensat(AT_FDCWD, name, NULL, 0);
	inotify_add_watch(notices, name, IN_MODIFY);
	mount(name, name, name, 0, NULL);
	umount(name);
	execl(name, name, (char *)NULL);
	close(open(name, O_WRONLY));
	close(open(name, O_PATH));
	close(notices);
	CALL(read(ends[0], text, sizeof(text)));
	close(ends[1]);
	CALL(read(ends[0], text, sizeof(text)));
}

int main(void)
{
	calls_begin();
	RUN(duplicates);
	RUN(flags);
	RUN(record_locks);
	RUN(file_locks);
	RUN(copying);
	RUN(sharing_of_files);
	RUN(locks_in_a_circle);
	RUN(taken_out);
	RUN(found_by_name);
	return 0;
}
