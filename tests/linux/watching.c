/* SPDX-License-Identifier: MIT */
/* inotify: which events which calls make, in which order, for a file, its directory, or both; masks, limits and what a read answers. */
#include "calls.h"

#include <dirent.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static int in;

/* All events that are there: watch, what, name; cookies are told apart only by being the same as the last one. */
static void events(const char *name)
{
	static const char *const names[16] = { "ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM", "MOVED_TO",
					       "CREATE", "DELETE", "DELETE_SELF", "MOVE_SELF", "bit 12", "UNMOUNT", "Q_OVERFLOW", "IGNORED" };
	char buffer[16384] __attribute__((aligned(8))), line[900];
	size_t used = 0;
	uint32_t cookie = 0;
	line[0] = '\0';
	for (;;) {
		long n = read(in, buffer, sizeof(buffer));
		if (n <= 0) {
			break;
		}
		for (char *at = buffer; at < buffer + n;) {
			struct inotify_event *e = (struct inotify_event *)at;
			char what[128] = "";
			for (int i = 0; i < 16; i++) {
				if (e->mask >> i & 1) {
					snprintf(what + strlen(what), sizeof(what) - strlen(what), "%s%s", what[0] ? "|" : "", names[i]);
				}
			}
			if (used < sizeof(line) - 100) {
				used += (size_t)snprintf(line + used, sizeof(line) - used, " %d:%s%s%s%s%s", e->wd, what, e->mask & IN_ISDIR ? "|ISDIR" : "",
							 e->len ? "=" : "", e->len ? e->name : "", !e->cookie ? "" : e->cookie == cookie ? " (2)" : " (1)");
			}
			cookie = e->cookie;
			at += sizeof(*e) + e->len;
		}
	}
	calls_line("events", name, "%s", line);
}

static void begin(void)
{
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static void arguments(void)
{
	int fds[2];
	char buffer[64];
	pipe(fds);
	make_file("file", "text");
	symlink("file", "link");
	symlink("nowhere", "loose");
	CALL(syscall(SYS_inotify_init1, 1));
	CALL(close(syscall(SYS_inotify_init)));
	begin();
	CALL(fcntl(in, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	CALL(fcntl(in, F_GETFD));
	CALL(read(in, buffer, sizeof(buffer)));
	CALL(write(in, buffer, 16));
	CALL(lseek(in, 0, SEEK_SET));
	CALL(inotify_add_watch(-1, "file", IN_ALL_EVENTS));
	CALL(inotify_add_watch(fds[0], "file", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "none", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, NOWHERE, IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "loose", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "file/x", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "file", 0));
	CALL(inotify_add_watch(in, "file", 0x1000));
	CALL(inotify_add_watch(in, "file", 0x10000));
	CALL(inotify_add_watch(in, "file", IN_OPEN | IN_ONLYDIR));
	CALL(inotify_add_watch(in, "file", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
	CALL(inotify_add_watch(in, "file", IN_OPEN | IN_MASK_CREATE));
	CALL(inotify_add_watch(in, "file", IN_OPEN | IN_MASK_CREATE));
	CALL(inotify_add_watch(in, "link", IN_CLOSE));
	CALL(inotify_add_watch(in, "link", IN_CLOSE | IN_DONT_FOLLOW));
	CALL(inotify_add_watch(in, ".", IN_OPEN | IN_ONLYDIR));
	CALL(inotify_rm_watch(in, 77));
	CALL(inotify_rm_watch(in, -1));
	CALL(inotify_rm_watch(99, 1));
	CALL(inotify_rm_watch(fds[0], 1));
	CALL(inotify_rm_watch(in, 2));
	CALL(inotify_rm_watch(in, 2));
	CALL(inotify_add_watch(in, "link", IN_CLOSE | IN_DONT_FOLLOW));
	events("after one was removed");
}

static void of_one_file(void)
{
	char buffer[64];
	make_file("file", "text");
	begin();
	CALL(inotify_add_watch(in, "file", IN_ALL_EVENTS));
	int fd = open("file", O_RDWR);
	events("open");
	read(fd, buffer, 2);
	read(fd, buffer, 0);
	pread(fd, buffer, 1, 0);
	events("reads, which are the same event");
	write(fd, "x", 1);
	read(fd, buffer, 1);
	read(fd, buffer, 1);
	events("a write and reads, the last at the end");
	ftruncate(fd, 1);
	events("ftruncate");
	truncate("file", 2);
	events("truncate");
	fchmod(fd, 0600);
	chmod("file", 0644);
	events("chmod twice");
	fchown(fd, -1, -1);
	events("chown of nothing");
	utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 1, 0 }, { 0, UTIME_OMIT } }, 0);
	events("atime");
	utimensat(AT_FDCWD, "file", (struct timespec[2]){ { 0, UTIME_OMIT }, { 1, 0 } }, 0);
	events("mtime");
	futimens(fd, NULL);
	events("both");
	link("file", "second");
	events("link");
	unlink("file");
	events("unlink of one of two");
	rename("second", "third");
	events("rename");
	close(fd);
	events("close");
	fd = open("third", O_RDONLY);
	unlink("third");
	events("unlink while it is open");
	close(fd);
	events("close then");
	CALL(inotify_rm_watch(in, 1));
}

static void of_a_directory(void)
{
	char buffer[64];
	mkdir("dir", 0755);
	mkdir("other", 0755);
	begin();
	CALL(inotify_add_watch(in, "dir", IN_ALL_EVENTS));
	close(open("dir/new", O_RDWR | O_CREAT, 0644));
	events("a new file");
	close(open("dir/new", O_RDWR | O_CREAT | O_TRUNC, 0644));
	events("cut at open");
	int fd = open("dir/new", O_RDWR);
	write(fd, "text", 4);
	pread(fd, buffer, 4, 0);
	events("open, write, read");
	fchmod(fd, 0600);
	close(fd);
	events("chmod, close");
	mkdir("dir/sub", 0755);
	mknod("dir/fifo", S_IFIFO | 0600, 0);
	symlink("new", "dir/link");
	link("dir/new", "dir/hard");
	events("mkdir, mknod, symlink, link");
	close(open("dir/sub", O_RDONLY));
	chmod("dir/sub", 0700);
	events("open and chmod of a directory in it");
	DIR *d = opendir("dir");
	readdir(d);
	closedir(d);
	events("opendir, readdir, closedir");
	chmod("dir", 0700);
	events("chmod of itself");
	rename("dir/new", "dir/newer");
	events("rename within");
	rename("dir/newer", "other/x");
	events("rename out");
	rename("other/x", "dir/y");
	events("rename in");
	rename("dir/y", "dir/hard");
	events("rename onto the same file");
	make_file("dir/z", "z");
	make_file("dir/q", "q");
	events("two more");
	rename("dir/z", "dir/q");
	events("rename onto another");
	CALL(syscall(SYS_renameat2, AT_FDCWD, "dir/y", AT_FDCWD, "dir/sub", 2));
	events("exchange");
	CALL(syscall(SYS_renameat2, AT_FDCWD, "dir/y", AT_FDCWD, "dir/sub", 2));
	events("and back");
	unlink("dir/hard");
	unlink("dir/y");
	unlink("dir/link");
	rmdir("dir/sub");
	events("unlink and rmdir");
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "dir/socket" };
	bind(s, (struct sockaddr *)&name, sizeof(name));
	close(s);
	events("a socket's name");
	unlink("dir/none");
	mkdir("dir/q", 0700);
	open("dir/none", O_RDONLY);
	rmdir("dir");
	events("what fails");
	rename("dir", "moved");
	events("itself renamed");
	unlink("moved/q");
	unlink("moved/fifo");
	unlink("moved/socket");
	CALL(rmdir("moved"));
	events("itself removed");
}

static void of_both(void)
{
	mkdir("dir", 0755);
	make_file("dir/file", "text");
	begin();
	CALL(inotify_add_watch(in, "dir", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "dir/file", IN_ALL_EVENTS));
	int fd = open("dir/file", O_RDWR);
	write(fd, "x", 1);
	events("open and write");
	rename("dir/file", "dir/else");
	events("rename");
	unlink("dir/else");
	events("unlink while it is open");
	write(fd, "x", 1);
	events("write without a name");
	close(fd);
	events("close");
	make_file("dir/again", "x");
	CALL(inotify_add_watch(in, "dir/again", IN_ALL_EVENTS));
	events("a new one");
	unlink("dir/again");
	events("unlink of what nobody has open");
	mkdir("dir/sub", 0700);
	CALL(inotify_add_watch(in, "dir/sub", IN_ALL_EVENTS));
	rmdir("dir/sub");
	events("a directory that comes and goes");
	make_file("dir/from", "x");
	make_file("dir/to", "x");
	CALL(inotify_add_watch(in, "dir/from", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "dir/to", IN_ALL_EVENTS));
	events("two new ones");
	rename("dir/from", "dir/to");
	events("one replaces the other");
}

static void masks(void)
{
	mkdir("dir", 0755);
	make_file("dir/file", "text");
	begin();
	CALL(inotify_add_watch(in, "dir", IN_OPEN));
	close(open("dir/file", O_RDONLY));
	events("only opens");
	CALL(inotify_add_watch(in, "dir", IN_CLOSE_NOWRITE | IN_MASK_ADD));
	close(open("dir/file", O_RDONLY));
	events("and closes");
	CALL(inotify_add_watch(in, "dir", IN_DELETE));
	close(open("dir/file", O_RDONLY));
	events("nothing of that");
	CALL(inotify_add_watch(in, "dir", IN_CREATE));
	mkdir("dir/abc", 0700);
	mkdir("dir/ab", 0700);
	mkdir("dir/abcd", 0700);
	events("names that begin alike");
	CALL(inotify_add_watch(in, "dir", IN_OPEN | IN_ONESHOT));
	close(open("dir/file", O_RDONLY));
	close(open("dir/file", O_RDONLY));
	events("once");
	CALL(inotify_rm_watch(in, 1));
	CALL(inotify_add_watch(in, "dir", IN_ALL_EVENTS | IN_EXCL_UNLINK));
	int fd = open("dir/file", O_RDWR);
	unlink("dir/file");
	events("unlinked");
	write(fd, "x", 1);
	close(fd);
	events("not told of the unlinked");
	CALL(inotify_add_watch(in, "dir", IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ISDIR));
	make_file("dir/file", "x");
	events("no event at all");
	CALL(inotify_rm_watch(in, 2));
	events("removed");
}

/* By a child, while the caller waits already. */
static void make_file_soon(const char *name)
{
	int told[2];
	char byte;
	pid_t caller = getpid();
	pipe(told);
	if (fork() == 0) {
		read(told[0], &byte, 1);
		until_sleeps(caller);
		make_file(name, "");
		_exit(0);
	}
	close(told[0]);
	write(told[1], "", 1);
	close(told[1]);
}

static void reading(void)
{
	char buffer[4096];
	int ready = -1, status;
	mkdir("dir", 0755);
	begin();
	CALL(inotify_add_watch(in, "dir", IN_CREATE | IN_DELETE));
	struct pollfd p = { .fd = in, .events = POLLIN | POLLOUT };
	CALL(poll(&p, 1, 0));
	int ep = epoll_create1(0);
	CALL(epoll_ctl(ep, EPOLL_CTL_ADD, in, &(struct epoll_event){ .events = EPOLLIN }));
	CALL(ioctl(in, FIONREAD, &ready));
	SHOW("bytes", "%d", ready);
	make_file("dir/a", "");
	make_file("dir/0123456789abcde", "");
	make_file("dir/0123456789abcdef", "");
	CALL(poll(&p, 1, 0));
	SHOW("ready", "%x", p.revents);
	struct epoll_event e;
	CALL(epoll_wait(ep, &e, 1, 0));
	CALL(ioctl(in, FIONREAD, &ready));
	SHOW("bytes", "%d", ready);
	CALL(read(in, buffer, 15));
	CALL(read(in, buffer, 31));
	CALL(read(in, buffer, 32));
	CALL(read(in, buffer, 40));
	CALL(read(in, NOWHERE, 4096));
	CALL(read(in, buffer, 4096));
	CALL(read(in, buffer, 4096));
	CALL(epoll_wait(ep, &e, 1, 0));
	fcntl(in, F_SETFL, 0);
	make_file_soon("dir/late");
	CALL(read(in, buffer, 4096));
	SHOW("name", "%s", ((struct inotify_event *)buffer)->name);
	wait(&status);
	make_file_soon("dir/later");
	CALL(poll(&p, 1, 100000));
	wait(&status);
	CALL(close(in));
	unlink("dir/late");
}

static void overflow(void)
{
	char buffer[65536] __attribute__((aligned(8)));
	long count = 0, over = 0, behind = 0;
	make_file("file", "text");
	begin();
	CALL(inotify_add_watch(in, "file", IN_OPEN | IN_CLOSE));
	for (int i = 0; i < 9000; i++) {
		close(open("file", O_RDONLY));
	}
	for (;;) {
		long n = read(in, buffer, sizeof(buffer));
		if (n <= 0) {
			break;
		}
		for (char *at = buffer; at < buffer + n;) {
			struct inotify_event *e = (struct inotify_event *)at;
			count++;
			behind += over;
			if (e->mask & IN_Q_OVERFLOW) {
				over++;
				IS(e->wd == -1);
			}
			at += sizeof(*e) + e->len;
		}
	}
	IS(count > 1000);
	SHOW("overflows", "%ld", over);
	SHOW("events behind", "%ld", behind);
	close(open("file", O_RDONLY));
	events("and on");
}

static void other_calls(void)
{
	make_file("from", "some text");
	make_file("to", "");
	begin();
	CALL(inotify_add_watch(in, "from", IN_ALL_EVENTS));
	CALL(inotify_add_watch(in, "to", IN_ALL_EVENTS));
	int from = open("from", O_RDONLY), to = open("to", O_RDWR);
	events("opens");
	CALL(sendfile(to, from, NULL, 4));
	events("sendfile");
	CALL(copy_file_range(from, NULL, to, NULL, 2, 0));
	events("copy_file_range");
	CALL(posix_fallocate(to, 0, 100));
	events("fallocate");
	int again = open("from", O_PATH);
	close(again);
	events("O_PATH");
	CALL(dup2(from, 60));
	close(60);
	events("dup and close of the second");
	if (fork() == 0) {
		_exit(0);
	}
	wait(NULL);
	events("a child had them open");
	close(from);
	close(to);
	events("closes");
}

static void limits(void)
{
	int count = 0, last = -1;
	for (; count < 1000; count++) {
		last = inotify_init1(0);
		if (last < 0) {
			break;
		}
	}
	IS(count >= 10);
	SHOW("error", "%s", calls_error(errno));
}

static void unmounting(void)
{
	mkdir("mount", 0755);
	if (mount("none", "mount", "tmpfs", 0, NULL)) {
		SHOW("mount", "%s", calls_error(errno));
	}
	make_file("mount/file", "x");
	begin();
	CALL(inotify_add_watch(in, "mount/file", IN_OPEN));
	CALL(umount("mount"));
	events("unmount of a file system with one");
	CALL(inotify_rm_watch(in, 1));
}

int main(void)
{
	calls_begin();
	RUN(arguments);
	RUN(of_one_file);
	RUN(of_a_directory);
	RUN(of_both);
	RUN(masks);
	RUN(reading);
	RUN(other_calls);
	if (calls_with("inotify-limits")) {
		RUN(overflow);
		RUN(limits);
	}
	if (calls_with("root")) {
		RUN(unmounting);
	}
	return 0;
}
