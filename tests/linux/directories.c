/* SPDX-License-Identifier: MIT */
/* Directories and paths: making, removing, listing, walking, the -at forms, special files. On any file system. */
#include "calls.h"

#include <dirent.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

static char name[300], path[5000];

static void making(void)
{
	struct stat st;
	CALL(mkdir("dir", 0777));
	CALL(stat("dir", &st));
	SHOW("mode and links", "%o %d", st.st_mode, (int)st.st_nlink > 0);
	CALL(mkdir("dir", 0777));
	CALL(mkdir("dir/", 0777));
	CALL(mkdir("other/", 01777));
	CALL(stat("other", &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(mkdir("none/dir", 0777));
	CALL(mkdir("", 0777));
	CALL(mkdir(".", 0777));
	CALL(mkdir("/", 0777));
	CALL(mkdir("dir/..", 0777));
	CALL(mkdir(NOWHERE, 0777));
	make_file("file", "");
	CALL(mkdir("file", 0777));
	CALL(mkdir("file/dir", 0777));
	symlink("fresh", "dangling");
	CALL(mkdir("dangling", 0777));
	CALL(mkdir("dangling/", 0777));
	umask(077);
	CALL(mkdir("closed", 0777));
	CALL(stat("closed", &st));
	SHOW("mode under umask", "%o", st.st_mode);
	CALL(mkdirat(99, "x", 0777));
	CALL(mkdirat(open("file", O_RDONLY), "x", 0777));
	CALL(mkdirat(open("dir", O_RDONLY), "x", 0777));
	CALL(rmdir("dir/x"));
}

static void removing(void)
{
	mkdir("dir", 0755);
	mkdir("dir/inner", 0755);
	make_file("file", "");
	symlink("dir", "link");
	CALL(rmdir("none"));
	CALL(rmdir("file"));
	CALL(rmdir("link"));
	CALL(rmdir("link/"));
	CALL(rmdir("dir"));
	CALL(rmdir("dir/."));
	CALL(rmdir("dir/inner/.."));
	CALL(rmdir("."));
	CALL(rmdir("/"));
	CALL(rmdir(""));
	CALL(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
	CALL(unlinkat(AT_FDCWD, "dir/inner", 0));
	CALL(unlinkat(AT_FDCWD, "dir/inner", 1));
	CALL(unlinkat(AT_FDCWD, "dir/inner", AT_REMOVEDIR));
	CALL(rmdir("dir/"));
	mkdir("gone", 0755);
	chdir("gone");
	CALL(rmdir("../gone"));
	CALL(open("x", O_RDWR | O_CREAT, 0600));
	CALL(mkdir("x", 0755));
	CALL(close(open(".", O_RDONLY)));
	struct stat st;
	CALL(stat(".", &st));
	SHOW("links of the removed", "%d", (int)st.st_nlink);
	CALL(stat("..", &st));
	CALL(syscall(SYS_getcwd, path, sizeof(path)));
	CALL(chdir(".."));
	CALL(access("file", F_OK));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing(void)
{
	static char buffer[4096];
	mkdir("d", 0755);
	make_file("d/file", "");
	mkdir("d/dir", 0755);
	symlink("x", "d/link");
	mkfifo("d/fifo", 0600);
	int fd = (int)CALL(open("d", O_RDONLY | O_DIRECTORY));
	CALL(syscall(SYS_getdents64, fd, buffer, 1));
	CALL(syscall(SYS_getdents64, fd, NOWHERE, sizeof(buffer)));
	CALL(syscall(SYS_getdents64, 99, buffer, sizeof(buffer)));
	CALL(syscall(SYS_getdents64, open("d/file", O_RDONLY), buffer, sizeof(buffer)));
	long length = CALL(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	char *names[16];
	int count = 0;
	for (long at = 0; at < length && count < 16; at += *(unsigned short *)(buffer + at + 16)) {
		static char text[16][64];
		snprintf(text[count], 64, "%s type %d", buffer + at + 19, buffer[at + 18]);
		names[count] = text[count];
		count++;
	}
	qsort(names, (size_t)count, sizeof(names[0]), by_name);
	for (int i = 0; i < count; i++) {
		SHOW("entry", "%s", names[i]);
	}
	CALL(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(syscall(SYS_getdents, fd, buffer, sizeof(buffer)));
	unlink("d/file");
	rmdir("d/dir");
	unlink("d/link");
	unlink("d/fifo");
	rmdir("d");
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
}

/* Every entry is seen once while others come and go. */
static void listing_many(void)
{
	int seen = 0, removed = 0;
	struct dirent *entry;
	mkdir("many", 0755);
	chdir("many");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "a file with a name that has the number %d", i);
		close(open(name, O_RDWR | O_CREAT, 0600));
	}
	DIR *dir = opendir(".");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == 'a') {
			seen++;
			removed += unlink(entry->d_name) == 0;
		}
	}
	SHOW("seen and removed", "%d %d", seen, removed);
	closedir(dir);
	chdir("..");
	CALL(rmdir("many"));
}

static void working_directory(void)
{
	char before[PATH_MAX], after[PATH_MAX];
	mkdir("dir", 0755);
	make_file("file", "");
	symlink("dir", "link");
	CALL(getcwd(before, sizeof(before)) != NULL);
	CALL(syscall(SYS_getcwd, before, sizeof(before)) == (long)strlen(before) + 1);
	CALL(syscall(SYS_getcwd, before, 1));
	CALL(syscall(SYS_getcwd, NULL, 0));
	CALL(syscall(SYS_getcwd, NOWHERE, 4096));
	CALL(chdir("link"));
	getcwd(after, sizeof(after));
	SHOW("below", "%s", after + strlen(before));
	CALL(chdir("../file"));
	CALL(chdir("../none"));
	CALL(chdir(""));
	CALL(chdir(NOWHERE));
	CALL(fchdir(99));
	CALL(fchdir(open("../file", O_RDONLY)));
	CALL(fchdir(open("..", O_RDONLY)));
	getcwd(after, sizeof(after));
	IS(strcmp(before, after) == 0);
	CALL(chdir("/"));
	CALL(getcwd(after, sizeof(after)) != NULL);
	SHOW("root", "%s", after);
	CALL(chdir("../../.."));
	getcwd(after, sizeof(after));
	SHOW("above the root", "%s", after);
}

static void walking(void)
{
	struct stat st;
	mkdir("dir", 0755);
	make_file("dir/file", "");
	CALL(stat("dir//file", &st));
	CALL(stat("./dir/./file", &st));
	CALL(stat("dir/../dir/file", &st));
	CALL(stat("dir/file/..", &st));
	CALL(stat("dir/file/.", &st));
	CALL(stat("none/../dir", &st));
	CALL(stat("///", &st));
	symlink("dir/", "slashed");
	CALL(stat("slashed", &st));
	CALL(stat("slashed/file", &st));
	CALL(lstat("slashed", &st));
	IS(S_ISLNK(st.st_mode));
	CALL(lstat("slashed/", &st));
	IS(S_ISDIR(st.st_mode));
	memset(name, 'n', 255);
	CALL(stat(name, &st));
	CALL(close(open(name, O_RDWR | O_CREAT, 0600)));
	CALL(stat(name, &st));
	memset(name, 'n', 256);
	CALL(stat(name, &st));
	CALL(open(name, O_RDWR | O_CREAT, 0600));
	CALL(mkdir(name, 0700));
	CALL(unlink(name));
	for (int i = 0; i < 4095; i++) {
		path[i] = i % 2 ? '/' : '.';
	}
	CALL(stat(path, &st));
	path[4095] = '/';
	CALL(stat(path, &st));
	symlink("dir/file", "link0");
	for (int i = 1; i < 45; i++) {
		char from[16], to[16];
		snprintf(from, sizeof(from), "link%d", i);
		snprintf(to, sizeof(to), "link%d", i - 1);
		symlink(to, from);
	}
	CALL(stat("link39", &st));
	CALL(stat("link40", &st));
	CALL(stat("link44", &st));
}

static void relative_to(void)
{
	struct stat st;
	mkdir("dir", 0755);
	make_file("dir/file", "text");
	make_file("file", "");
	int dir = (int)CALL(open("dir", O_RDONLY)), file = (int)CALL(open("file", O_RDONLY));
	CALL(openat(dir, "file", O_RDONLY));
	CALL(openat(file, "file", O_RDONLY));
	CALL(openat(99, "file", O_RDONLY));
	CALL(openat(99, "/dev/null", O_RDONLY));
	CALL(openat(dir, "", O_RDONLY));
	CALL(openat(dir, "../file", O_RDONLY));
	CALL(symlinkat("file", dir, "link"));
	CALL(linkat(dir, "file", dir, "hard", 0));
	CALL(renameat(dir, "hard", AT_FDCWD, "moved"));
	CALL(fchmodat(dir, "file", 0600, 0));
	CALL(fchmodat(dir, "none", 0600, 0));
	CALL(stat("moved", &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(mknodat(dir, "fifo", S_IFIFO | 0600, 0));
	CALL(unlinkat(dir, "fifo", 0));
	CALL(unlinkat(file, "fifo", 0));
	CALL(symlinkat("file", file, "link"));
	CALL(linkat(file, "x", dir, "y", 0));
	CALL(renameat(dir, "file", file, "y"));
}

static void special_files(void)
{
	struct stat st;
	char c;
	CALL(mknod("plain", S_IFREG | 0640, 0));
	CALL(stat("plain", &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(mknod("untyped", 0640, 0));
	CALL(stat("untyped", &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(mknod("plain", S_IFREG | 0640, 0));
	CALL(mknod("dir", S_IFDIR | 0755, 0));
	CALL(mknod("link", S_IFLNK | 0755, 0));
	CALL(mknod("fifo", S_IFIFO | 0644, 0));
	CALL(stat("fifo", &st));
	SHOW("mode", "%o", st.st_mode);
	CALL(mknod("none/fifo", S_IFIFO | 0644, 0));
	CALL(mknod("socket", S_IFSOCK | 0644, 0));
	CALL(open("socket", O_RDONLY));
	CALL(open("fifo", O_WRONLY | O_NONBLOCK));
	int fifo = (int)CALL(open("fifo", O_RDONLY | O_NONBLOCK));
	CALL(read(fifo, &c, 1));
	int writer = (int)CALL(open("fifo", O_WRONLY | O_NONBLOCK));
	CALL(read(fifo, &c, 1));
	CALL(write(writer, "ab", 2));
	CALL(read(fifo, &c, 1));
	CALL(lseek(fifo, 0, SEEK_SET));
	CALL(close(fifo));
	CALL(write(writer, "ab", 2));
	int both = (int)CALL(open("fifo", O_RDWR));
	CALL(write(both, "c", 1));
	CALL(read(both, &c, 1));
	int null = (int)CALL(open("/dev/null", O_RDWR)), zero = (int)CALL(open("/dev/zero", O_RDWR));
	CALL(read(null, &c, 1));
	CALL(write(null, NOWHERE, 10));
	CALL(write(null, &c, 1));
	CALL(read(zero, &c, 1));
	SHOW("a zero", "%d", c);
	CALL(write(zero, &c, 1));
	CALL(lseek(null, 100, SEEK_SET));
	CALL(ftruncate(null, 0));
	int full = (int)CALL(open("/dev/full", O_RDWR));
	CALL(write(full, &c, 1));
	CALL(read(full, &c, 1));
	CALL(open("/dev/null", O_RDONLY | O_DIRECTORY));
	CALL(open("/dev/null/x", O_RDONLY));
	CALL(truncate("/dev/null", 0));
	CALL(truncate("fifo", 0));
}

static void mounting(void)
{
	CALL(mount("none", "none", "tmpfs", 0, NULL));
	CALL(umount("none"));
	mkdir("dir", 0755);
	make_file("file", "");
	CALL(umount("dir"));
	CALL(umount2("dir", 0x100));
	CALL(mount("none", "dir", "no such type", 0, NULL));
	CALL(mount("none", "file", "tmpfs", 0, NULL));
	CALL(mount("none", NOWHERE, "tmpfs", 0, NULL));
	CALL(chroot("none"));
	CALL(chroot("file"));
	mkdir("dir/inner", 0755);
	CALL(chroot("dir"));
	CALL(chdir("/"));
	CALL(access("/inner", F_OK));
	CALL(chdir("../../inner"));
	char at[64] = "";
	CALL(getcwd(at, sizeof(at)) != NULL);
	SHOW("working directory", "%s", at);
}

int main(void)
{
	calls_begin();
	RUN(making);
	RUN(removing);
	RUN(listing);
	RUN(listing_many);
	RUN(working_directory);
	RUN(walking);
	RUN(relative_to);
	RUN(special_files);
	if (calls_with("root")) {
		RUN(mounting);
	}
	return 0;
}
