/* SPDX-License-Identifier: MIT */
/* Regular files and names: open's flags, reading and writing at the edges, sizes, links, renames, times. On any file system. */
#include "calls.h"

#include <sys/mman.h>
#include <limits.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <utime.h>

/* What this C library does not declare. */
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define renameat2(from, old, to, new, flags) syscall(SYS_renameat2, from, old, to, new, flags)
#define STATX_BASIC_STATS 0x7ffu
#define AT_STATX_FORCE_SYNC 0x2000
#define AT_STATX_DONT_SYNC 0x4000
struct statx {
	uint32_t stx_mask, stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink, stx_uid, stx_gid;
	uint16_t stx_mode, pad;
	uint64_t stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	uint8_t rest[192];
};

static char long_name[300], long_path[5000];

static void open_flags(void)
{
	CALL(open("none", O_RDONLY));
	CALL(open("", O_RDONLY));
	CALL(open(NULL, O_RDONLY));
	CALL(open(KERNELS, O_RDONLY));
	CALL(open("none/file", O_RDONLY | O_CREAT, 0600));
	int fd = (int)CALL(open("file", O_RDWR | O_CREAT | O_EXCL, 0640));
	CALL(write(fd, "0123456789", 10));
	CALL(open("file", O_RDWR | O_CREAT | O_EXCL, 0640));
	CALL(open("file/", O_RDONLY));
	CALL(open("file/x", O_RDONLY));
	CALL(open("file", O_RDONLY | O_DIRECTORY));
	CALL(open("new/", O_RDWR | O_CREAT, 0600));
	CALL(open(".", O_RDWR));
	CALL(open(".", O_RDONLY | O_CREAT, 0600));
	CALL(open("..", O_RDONLY | O_TRUNC));
	CALL(close(open(".", O_RDONLY)));
	CALL(open(".", O_WRONLY | O_DIRECTORY));
	CALL(open("file", O_RDONLY | O_CREAT | O_DIRECTORY) < 0);
	CALL(symlink("file", "link"));
	CALL(symlink("nowhere", "dangling"));
	CALL(symlink("loop", "loop"));
	CALL(open("link", O_RDONLY | O_NOFOLLOW));
	CALL(open("dangling", O_RDONLY));
	CALL(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
	CALL(open("loop", O_RDONLY));
	CALL(open("link/", O_RDONLY));
	int made = (int)CALL(open("dangling", O_RDWR | O_CREAT, 0600));
	CALL(access("nowhere", F_OK));
	CALL(close(made));
	int truncated = (int)CALL(open("link", O_RDONLY | O_TRUNC));
	struct stat st;
	CALL(fstat(truncated, &st));
	SHOW("size after O_TRUNC with O_RDONLY", "%ld", (long)st.st_size);
	CALL(write(truncated, "x", 1));
	int only = (int)CALL(open("file", O_WRONLY));
	char c;
	CALL(read(only, &c, 1));
	int nothing = (int)CALL(open("file", O_ACCMODE));
	CALL(read(nothing, &c, 1));
	CALL(write(nothing, &c, 1));
	CALL(close(nothing));
	CALL(creat("file", 0600));
	CALL(open("file", O_RDONLY | 0x40000000));
}

static void open_path_only(void)
{
	char c;
	struct stat st;
	make_file("file", "text");
	symlink("file", "link");
	int fd = (int)CALL(open("file", O_PATH));
	CALL(read(fd, &c, 1));
	CALL(write(fd, &c, 1));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(fstat(fd, &st));
	CALL(fchmod(fd, 0600));
	CALL(ftruncate(fd, 0));
	CALL((fcntl(fd, F_GETFL) & O_PATH) != 0);
	CALL(fcntl(fd, F_GETFD));
	CALL(close(fd));
	fd = (int)CALL(open("link", O_PATH | O_NOFOLLOW));
	CALL(fstat(fd, &st));
	IS(S_ISLNK(st.st_mode));
	char target[16] = "";
	CALL(readlinkat(fd, "", target, sizeof(target)));
	SHOW("target", "%s", target);
	CALL(close(fd));
	fd = (int)CALL(open(".", O_PATH | O_DIRECTORY));
	CALL(openat(fd, "file", O_RDONLY));
	CALL(fchdir(fd));
}

static void read_and_write(void)
{
	char buffer[64];
	make_file("file", "0123456789");
	int fd = (int)CALL(open("file", O_RDWR));
	CALL(read(fd, buffer, 4));
	CALL(read(fd, buffer, 0));
	CALL(read(fd, NULL, 0));
	CALL(read(fd, NOWHERE, 4));
	CALL(read(fd, KERNELS, 4));
	CALL(read(fd, buffer, 100));
	CALL(read(fd, buffer, 100));
	CALL(read(fd, NOWHERE, 100));
	CALL(read(-1, buffer, 1));
	CALL(read(99, buffer, 1));
	CALL(write(99, buffer, 1));
	CALL(write(fd, NOWHERE, 4));
	CALL(write(fd, NULL, 0));
	CALL(write(fd, KERNELS, 4));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(lseek(fd, -1, SEEK_SET));
	CALL(lseek(fd, -11, SEEK_END));
	CALL(lseek(fd, -10, SEEK_END));
	CALL(lseek(fd, 5, SEEK_CUR));
	CALL(lseek(fd, 100, SEEK_END));
	CALL(lseek(fd, 0, 9));
	CALL(read(fd, buffer, 10));
	CALL(write(fd, "end", 3));
	CALL(lseek(fd, 0, SEEK_END));
	CALL(pread(fd, buffer, 20, 95));
	CALL(pread(fd, buffer, 20, -1));
	CALL(pread(fd, buffer, 20, 1000));
	CALL(pwrite(fd, "x", 1, -1));
	CALL(pwrite(fd, "x", 1, 0));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(pread(fd, buffer, 3, 0));
	SHOW("text", "%.3s", buffer);
	int append = (int)CALL(open("file", O_WRONLY | O_APPEND));
	CALL(lseek(append, 0, SEEK_CUR));
	CALL(write(append, "yy", 2));
	CALL(lseek(append, 0, SEEK_CUR));
	CALL(lseek(append, 0, SEEK_SET));
	CALL(pwrite(append, "z", 1, 0));
	CALL(lseek(append, 0, SEEK_END));
	int directory = (int)CALL(open(".", O_RDONLY));
	CALL(read(directory, buffer, 10));
	CALL(write(directory, buffer, 10));
	CALL(pread(directory, buffer, 10, 0));
	CALL(lseek(directory, 0, SEEK_SET));
}

static void vectors(void)
{
	char a[8] = "", b[8] = "";
	struct iovec v[3] = { { a, 3 }, { NULL, 0 }, { b, 4 } }, bad[2] = { { a, 3 }, { NOWHERE, 4 } }, huge[2] = { { a, LONG_MAX }, { b, 1 } };
	struct iovec negative = { a, (size_t)-1 };
	make_file("file", "abcdefghij");
	int fd = (int)CALL(open("file", O_RDWR));
	CALL(readv(fd, v, 3));
	SHOW("pieces", "%s %s", a, b);
	CALL(readv(fd, v, 0));
	CALL(readv(fd, v, -1));
	CALL(readv(fd, v, 1025));
	CALL(readv(fd, NOWHERE, 1));
	CALL(readv(fd, huge, 2));
	CALL(readv(fd, &negative, 1));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(readv(fd, bad, 2));
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(readv(fd, &bad[1], 1));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(writev(fd, v, 3));
	CALL(writev(fd, bad, 2));
	CALL(preadv(fd, v, 3, 1));
	CALL(preadv(fd, v, 3, -1));
	CALL(pwritev(fd, v, 3, 20));
	CALL(pwritev(fd, v, 3, -5));
	CALL(lseek(fd, 0, SEEK_END));
	CALL(syscall(SYS_preadv2, fd, v, 3, 0l, 0l, 0));
	CALL(syscall(SYS_preadv2, fd, v, 3, 0l, 0l, 0x4000));
	CALL(syscall(SYS_pwritev2, fd, v, 3, -1l, -1l, 0));
}

static void sizes(void)
{
	struct stat st;
	char byte = 'q';
	make_file("file", "0123456789");
	CALL(truncate("file", 4));
	CALL(stat("file", &st));
	SHOW("size", "%ld", (long)st.st_size);
	CALL(truncate("file", 10000));
	CALL(stat("file", &st));
	SHOW("size", "%ld", (long)st.st_size);
	int fd = (int)CALL(open("file", O_RDONLY));
	CALL(pread(fd, &byte, 1, 9999));
	SHOW("byte", "%d", byte);
	CALL(ftruncate(fd, 1));
	CALL(truncate("file", -1));
	CALL(truncate("none", 1));
	CALL(truncate(".", 1));
	CALL(truncate(NOWHERE, 1));
	CALL(ftruncate(99, 1));
	int writable = (int)CALL(open("file", O_RDWR));
	CALL(ftruncate(writable, -1));
	CALL(ftruncate(writable, 0));
	CALL(read(fd, &byte, 1));
	CALL(fallocate(writable, 0, 0, 5000));
	CALL(fallocate(writable, 0, 0, 0));
	CALL(fallocate(writable, 0, -1, 10));
	CALL(fallocate(fd, 0, 0, 10));
	CALL(fstat(writable, &st));
	SHOW("size", "%ld", (long)st.st_size);
	CALL(fallocate(writable, FALLOC_FL_KEEP_SIZE, 8000, 5000));
	CALL(fstat(writable, &st));
	SHOW("size", "%ld", (long)st.st_size);
	int ends[2];
	pipe(ends);
	CALL(ftruncate(ends[1], 0));
	CALL(fallocate(ends[1], 0, 0, 1));
	CALL(lseek(ends[0], 0, SEEK_CUR));
	CALL(pread(ends[0], &byte, 1, 0));
	CALL(fsync(ends[0]));
	CALL(fsync(writable));
	CALL(fdatasync(writable));
	CALL(fdatasync(99));
	CALL(syncfs(writable));
	CALL(posix_fadvise(writable, 0, 0, POSIX_FADV_WILLNEED));
	CALL(posix_fadvise(writable, 0, 0, 77));
	CALL(posix_fadvise(ends[0], 0, 0, POSIX_FADV_WILLNEED));
	CALL(posix_fadvise(99, 0, 0, POSIX_FADV_WILLNEED));
	CALL(readahead(writable, 0, 100));
	CALL(readahead(ends[0], 0, 100));
	CALL(sync_file_range(writable, 0, 100, SYNC_FILE_RANGE_WRITE));
	CALL(sync_file_range(writable, 0, 100, 0x100));
	CALL(sync_file_range(ends[0], 0, 100, SYNC_FILE_RANGE_WRITE));
}

static void links(void)
{
	struct stat st;
	make_file("file", "text");
	mkdir("dir", 0755);
	CALL(link("file", "hard"));
	CALL(stat("file", &st));
	SHOW("links", "%d", (int)st.st_nlink);
	CALL(link("file", "hard"));
	CALL(link("none", "other"));
	CALL(link("dir", "other"));
	CALL(link("file", "none/other"));
	CALL(link("file", "file/other"));
	CALL(link("file", ""));
	CALL(link("file/", "other"));
	CALL(link("file", "other/"));
	CALL(unlink("hard"));
	CALL(stat("file", &st));
	SHOW("links", "%d", (int)st.st_nlink);
	CALL(unlink("hard"));
	CALL(unlink("dir"));
	CALL(unlink("file/"));
	CALL(unlink(""));
	CALL(unlink("."));
	CALL(unlink(NOWHERE));
	CALL(symlink("file", "soft"));
	CALL(symlink("file", "soft"));
	CALL(symlink("", "empty"));
	CALL(symlink("file", ""));
	CALL(symlink("file", "new/"));
	CALL(symlink(NOWHERE, "new"));
	char target[64] = "";
	CALL(readlink("soft", target, sizeof(target)));
	SHOW("target", "%s", target);
	CALL(readlink("soft", target, 2));
	CALL(readlink("soft", target, 0));
	CALL(readlink("file", target, sizeof(target)));
	CALL(readlink("none", target, sizeof(target)));
	CALL(readlink("soft", NOWHERE, sizeof(target)));
	CALL(readlink("soft/", target, sizeof(target)));
	CALL(lstat("soft", &st));
	SHOW("size and mode of the link", "%ld %o", (long)st.st_size, st.st_mode);
	CALL(linkat(AT_FDCWD, "soft", AT_FDCWD, "hard of soft", 0));
	CALL(lstat("hard of soft", &st));
	IS(S_ISLNK(st.st_mode));
	CALL(linkat(AT_FDCWD, "soft", AT_FDCWD, "hard of file", AT_SYMLINK_FOLLOW));
	CALL(lstat("hard of file", &st));
	IS(S_ISREG(st.st_mode));
	CALL(linkat(AT_FDCWD, "soft", AT_FDCWD, "x", 0x10));
	int fd = (int)CALL(open("file", O_RDONLY));
	CALL(unlink("file"));
	CALL(unlink("hard of file"));
	CALL(fstat(fd, &st));
	SHOW("links of the unlinked", "%d", (int)st.st_nlink);
	CALL(read(fd, target, 64));
	memset(long_name, 'n', 255);
	CALL(symlink("x", long_name));
	CALL(unlink(long_name));
	memset(long_name, 'n', 256);
	CALL(symlink("x", long_name));
	memset(long_path, 'p', 4095);
	CALL(symlink(long_path, "long"));
	long_path[4095] = 'p';
	CALL(symlink(long_path, "longer"));
}

static void renames(void)
{
	struct stat st;
	make_file("a", "a");
	make_file("b", "bb");
	mkdir("dir", 0755);
	mkdir("full", 0755);
	mkdir("full/inner", 0755);
	make_file("full/file", "");
	CALL(rename("none", "x"));
	CALL(rename("a", "none/x"));
	CALL(rename("a", "b"));
	CALL(stat("b", &st));
	SHOW("size of what took its place", "%ld", (long)st.st_size);
	CALL(access("a", F_OK));
	CALL(rename("b", "b"));
	CALL(rename("b", "dir"));
	CALL(rename("dir", "b"));
	CALL(rename("dir", "full"));
	CALL(rename("full", "dir"));
	CALL(rename("dir", "dir/inner/x"));
	CALL(rename("dir", "dir/x"));
	CALL(rename("dir/inner", "dir"));
	CALL(rename(".", "x"));
	CALL(rename("dir", "."));
	CALL(rename("b/", "c"));
	CALL(rename("b", "c/"));
	CALL(rename("dir/", "moved/"));
	CALL(rename("moved", "b/x"));
	CALL(rename("", "x"));
	CALL(rename("b", ""));
	link("b", "same");
	CALL(rename("b", "same"));
	CALL(access("b", F_OK));
	make_file("x", "1");
	make_file("y", "22");
	CALL(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
	CALL(renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE));
	CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "y", RENAME_EXCHANGE));
	CALL(stat("z", &st));
	SHOW("size of the exchanged", "%ld", (long)st.st_size);
	CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "none", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "y", RENAME_EXCHANGE | RENAME_NOREPLACE));
	CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "y", 0x80));
	CALL(renameat2(AT_FDCWD, "z", AT_FDCWD, "moved", RENAME_EXCHANGE));
	CALL(stat("z", &st));
	IS(S_ISDIR(st.st_mode));
	CALL(renameat2(99, "z", AT_FDCWD, "y", 0));
}

/* Where a file has something else than zeros, in stretches of 512 bytes. */
static void stretches(const char *name, int fd)
{
	char block[512], line[400] = "";
	long n, at = 0, begin = -1;
	struct stat st;
	while ((n = pread(fd, block, sizeof(block), at)) > 0) {
		bool some = false;
		for (long i = 0; i < n; i++) {
			some |= block[i] != 0;
		}
		if (some != (begin >= 0)) {
			snprintf(line + strlen(line), sizeof(line) - strlen(line), some ? " %ld" : "-%ld", at);
			begin = some ? at : -1;
		}
		at += n;
	}
	fstat(fd, &st);
	SHOW(name, "%s%s, size %ld", line, begin >= 0 ? "-" : "", (long)st.st_size);
}

static void holes(void)
{
	enum { KEEP = 1, PUNCH = 2, COLLAPSE = 8, INSERT = 0x20, UNSHARE = 0x40 };
	static char bytes[100000];
	struct stat before, st;
	memset(bytes, 'x', sizeof(bytes));
	int fd = open("file", O_RDWR | O_CREAT, 0644), null = open("/dev/null", O_RDWR), only = open("file", O_RDONLY);
	CALL(write(fd, bytes, sizeof(bytes)));
	fsync(fd);
	fstat(fd, &before);
	CALL(fallocate(fd, PUNCH, 0, 4096));
	CALL(fallocate(fd, PUNCH | KEEP, 0, 0));
	CALL(fallocate(fd, PUNCH | KEEP, -1, 4096));
	CALL(fallocate(fd, PUNCH | KEEP, 0x7fffffffffffffff, 4096));
	CALL(fallocate(fd, PUNCH | KEEP | 0x10, 0, 4096));
	CALL(fallocate(fd, COLLAPSE | KEEP, 0, 4096));
	CALL(fallocate(fd, INSERT | KEEP, 0, 4096));
	CALL(fallocate(fd, 0x1000, 0, 4096));
	CALL(fallocate(only, PUNCH | KEEP, 0, 4096));
	CALL(fallocate(null, PUNCH | KEEP, 0, 4096));
	stretches("whole", fd);
	CALL(fallocate(fd, PUNCH | KEEP, 8192, 8192));
	stretches("two pages", fd);
	CALL(fallocate(fd, PUNCH | KEEP, 20480 + 512, 1024));
	stretches("a part of one", fd);
	CALL(fallocate(fd, PUNCH | KEEP, 30720, 20480));
	stretches("several, and two parts", fd);
	CALL(fallocate(fd, PUNCH | KEEP, 90112, 100000));
	stretches("beyond the end", fd);
	CALL(fallocate(fd, PUNCH | KEEP, 200000, 100));
	fsync(fd);
	fstat(fd, &st);
	IS(st.st_blocks + 48 <= before.st_blocks);
	CALL(pwrite(fd, "y", 1, 12000));
	CALL(fallocate(fd, 0, 0, 100000));
	stretches("filled again", fd);
	char *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	at[0] = 'z';
	at[70] = 'z';
	CALL(fallocate(fd, PUNCH | KEEP, 0, 4096));
	SHOW("mapped", "%d %d", at[0], at[70]);
	at[5] = 'w';
	stretches("written through the mapping", fd);
	CALL(madvise(at + 4096, 4096, MADV_REMOVE));
	SHOW("removed", "%d %c", at[4096], at[5]);
	stretches("removed", fd);
	CALL(munmap(at, 65536));
	CALL(fallocate(fd, PUNCH | KEEP, 0, 200000));
	stretches("all of it", fd);
	fsync(fd);
	fstat(fd, &st);
	IS(st.st_blocks <= 16);
	/* Many small ones: every other page. */
	CALL(pwrite(fd, bytes, sizeof(bytes), 0));
	fsync(fd);
	for (int i = 0; i < 24; i += 2) {
		fallocate(fd, PUNCH | KEEP, i * 4096, 4096);
	}
	stretches("every other page", fd);
	for (int i = 1; i < 24; i += 2) {
		fallocate(fd, PUNCH | KEEP, i * 4096, 4096);
	}
	stretches("and the others", fd);
	CALL(pwrite(fd, bytes, 50000, 1000));
	stretches("written again", fd);
	CALL(ftruncate(fd, 0));
	stretches("cut", fd);
}

static void show_names(const char *name)
{
	struct stat a, b, sub;
	stat("a", &a);
	stat("b", &b);
	stat("b/y", &sub);
	SHOW(name, "links %d and %d, below %o of size %ld", (int)a.st_nlink, (int)b.st_nlink, sub.st_mode, S_ISREG(sub.st_mode) ? (long)sub.st_size : 0);
}

static void exchanges(void)
{
	char path[512];
	struct stat st;
	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("a/x", 0755);
	mkdir("a/x/deep", 0755);
	make_file("a/x/file", "in x");
	make_file("b/y", "text");
	make_file("b/a name that is longer than what fits into the entry itself", "long");
	show_names("before");
	CALL(renameat2(AT_FDCWD, "a/x", AT_FDCWD, "b/y", RENAME_EXCHANGE));
	show_names("after");
	CALL(stat("b/y/file", &st));
	CALL(stat("b/y/../y/deep", &st));
	CALL(stat("a/x/file", &st));
	CALL(chdir("b/y/deep"));
	IS(getcwd(path, sizeof(path)) && strstr(path, "/b/y/deep"));
	CALL(renameat2(AT_FDCWD, "../../../a/x", AT_FDCWD, "../../y", RENAME_EXCHANGE));
	IS(getcwd(path, sizeof(path)) && strstr(path, "/a/x/deep"));
	CALL(chdir("../../.."));
	show_names("back");
	CALL(renameat2(AT_FDCWD, "a/x", AT_FDCWD, "b/a name that is longer than what fits into the entry itself", RENAME_EXCHANGE));
	CALL(stat("b/a name that is longer than what fits into the entry itself/deep", &st));
	CALL(renameat2(AT_FDCWD, "b/a name that is longer than what fits into the entry itself", AT_FDCWD, "a/x", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "a", AT_FDCWD, "a/x", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "a/x", AT_FDCWD, "a", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "a/x/", AT_FDCWD, "b/y", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "a/x", AT_FDCWD, "b/y/", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	CALL(stat("b/x/deep", &st));
	CALL(renameat2(AT_FDCWD, "a", AT_FDCWD, "a", RENAME_EXCHANGE));
	CALL(renameat2(AT_FDCWD, "none", AT_FDCWD, "a", RENAME_EXCHANGE));
	CALL(link("a/y", "other"));
	CALL(renameat2(AT_FDCWD, "a/y", AT_FDCWD, "other", RENAME_EXCHANGE));
	CALL(rmdir("a"));
}

static void status(void)
{
	struct stat st;
	struct statx sx;
	make_file("file", "12345");
	symlink("file", "link");
	CALL(stat("file", &st));
	SHOW("mode, links, size, block", "%o %d %ld %ld", st.st_mode, (int)st.st_nlink, (long)st.st_size, (long)st.st_blksize);
	CALL(stat("none", &st));
	CALL(stat("", &st));
	CALL(stat("file/", &st));
	CALL(stat("file/x", &st));
	CALL(syscall(SYS_stat, "file", NOWHERE));
	CALL(stat(NOWHERE, &st));
	CALL(fstat(99, &st));
	CALL(syscall(SYS_newfstatat, AT_FDCWD, "link", &st, AT_SYMLINK_NOFOLLOW));
	IS(S_ISLNK(st.st_mode));
	CALL(syscall(SYS_newfstatat, AT_FDCWD, "file", &st, 0x20000));
	CALL(syscall(SYS_newfstatat, 99, "file", &st, 0));
	CALL(syscall(SYS_newfstatat, 0, "file", &st, 0));
	int fd = (int)CALL(open("file", O_RDONLY));
	CALL(syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH));
	SHOW("size by AT_EMPTY_PATH", "%ld", (long)st.st_size);
	CALL(syscall(SYS_newfstatat, fd, "", &st, 0));
	CALL(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH));
	IS(S_ISDIR(st.st_mode));
	CALL(syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, &sx));
	SHOW("statx", "%x %o %u %lu", sx.stx_mask & STATX_BASIC_STATS, sx.stx_mode, sx.stx_nlink, (unsigned long)sx.stx_size);
	CALL(syscall(SYS_statx, AT_FDCWD, "file", 0x10, STATX_BASIC_STATS, &sx));
	CALL(syscall(SYS_statx, AT_FDCWD, "file", 0, 0x80000000u, &sx));
	CALL(syscall(SYS_statx, AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &sx));
	CALL(syscall(SYS_statx, AT_FDCWD, "none", 0, STATX_BASIC_STATS, &sx));
	CALL(syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, NOWHERE));
	CALL(stat("/dev/null", &st));
	SHOW("null device", "%o %d %d", st.st_mode, (int)major(st.st_rdev), (int)minor(st.st_rdev));
	CALL(stat("/dev/zero", &st));
	SHOW("zero device", "%o %d %d", st.st_mode, (int)major(st.st_rdev), (int)minor(st.st_rdev));
	struct statfs fs;
	CALL(statfs(".", &fs));
	SHOW("name length, block", "%ld %ld", (long)fs.f_namelen, (long)fs.f_bsize);
	CALL(statfs("none", &fs));
	CALL(syscall(SYS_statfs, ".", NOWHERE));
	CALL(fstatfs(fd, &fs));
	CALL(fstatfs(99, &fs));
	CALL(statfs("/proc", &fs));
	SHOW("type of /proc", "%lx", (long)fs.f_type);
}

static void access_modes(void)
{
	make_file("file", "");
	chmod("file", 0444);
	CALL(access("file", F_OK));
	CALL(access("file", R_OK));
	CALL(access("file", 8));
	CALL(access("none", R_OK));
	CALL(access("file/x", R_OK));
	CALL(access("", F_OK));
	CALL(access(NOWHERE, F_OK));
	CALL(syscall(SYS_faccessat, 99, "file", F_OK));
	CALL(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, AT_EACCESS));
	CALL(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 1));
	int fd = (int)CALL(open("file", O_RDONLY));
	CALL(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
	CALL(syscall(SYS_faccessat2, fd, "", R_OK, 0));
	symlink("none", "dangling");
	CALL(access("dangling", F_OK));
	CALL(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
}

static void show_times(const char *name)
{
	struct stat st;
	stat(name, &st);
	calls_line("times", name, "%ld.%09ld %ld.%09ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void times_of_files(void)
{
	struct timespec set[2] = { { 1000, 500 }, { 2000, 999999999 } }, bad[2] = { { 1, 1000000000 }, { 1, 0 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 3000, 0 } }, nothing[2] = { { 7, UTIME_OMIT }, { 7, UTIME_OMIT } };
	struct timeval tv[2] = { { 5, 6 }, { 7, 8 } }, bad_tv[2] = { { 5, 1000000 }, { 7, 8 } };
	struct utimbuf both = { 11, 12 };
	make_file("file", "");
	symlink("file", "link");
	CALL(utimensat(AT_FDCWD, "file", set, 0));
	show_times("file");
	CALL(utimensat(AT_FDCWD, "file", omit, 0));
	show_times("file");
	CALL(utimensat(AT_FDCWD, "file", bad, 0));
	CALL(utimensat(AT_FDCWD, "none", set, 0));
	CALL(utimensat(AT_FDCWD, "none", nothing, 0));
	CALL(utimensat(AT_FDCWD, "file", set, 0x10));
	CALL(syscall(SYS_utimensat, AT_FDCWD, "file", NOWHERE, 0));
	CALL(utimensat(99, "file", set, 0));
	CALL(syscall(SYS_utimes, "file", tv));
	show_times("file");
	CALL(syscall(SYS_utimes, "file", bad_tv));
	CALL(syscall(SYS_utime, "file", &both));
	show_times("file");
	CALL(syscall(SYS_utime, "none", &both));
	CALL(syscall(SYS_utime, "file", NULL));
	struct stat st;
	stat("file", &st);
	IS(st.st_mtim.tv_sec > 1000000000);
	CALL(utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW));
	lstat("link", &st);
	SHOW("time of the link", "%ld", (long)st.st_mtim.tv_sec);
	int fd = open("file", O_RDWR);
	CALL(futimens(fd, set));
	CALL(syscall(SYS_utimensat, fd, NULL, set, 0));
	CALL(syscall(SYS_futimesat, AT_FDCWD, "file", tv));
	show_times("file");
	write(fd, "x", 1);
	fstat(fd, &st);
	IS(st.st_mtim.tv_sec > 1000000000);
	IS(st.st_ctim.tv_sec > 1000000000);
	IS(st.st_atim.tv_sec == 5);
}

static void attributes(void)
{
	make_file("file", "");
	CALL(setxattr("none", "user.x", "v", 1, 0));
	CALL(getxattr("none", "user.x", NULL, 0));
	CALL(listxattr("none", NULL, 0));
	CALL(fgetxattr(99, "user.x", NULL, 0));
	CALL(removexattr("none", "user.x"));
	CALL(lremovexattr("none", "user.x"));
	CALL(fremovexattr(99, "user.x"));
}

static long data_from(int fd, off_t from)
{
	return lseek(fd, from, SEEK_DATA);
}

static long hole_from(int fd, off_t from)
{
	return lseek(fd, from, SEEK_HOLE);
}

/* Of a file that lives in memory on either side: pages that were written to, and holes. */
static void seek_in_memory(void)
{
	int fd = memfd_create("stretches", 0);
	CALL(data_from(fd, 0));
	CALL(hole_from(fd, 0));
	ftruncate(fd, 20 * PAGE + 100);
	CALL(data_from(fd, 0));
	CALL(hole_from(fd, 0));
	CALL(hole_from(fd, 3 * PAGE + 5));
	pwrite(fd, "x", 1, 2 * PAGE + 7);
	pwrite(fd, "x", 1, 3 * PAGE);
	pwrite(fd, "x", 1, 20 * PAGE + 50);
	CALL(data_from(fd, 0));
	CALL(data_from(fd, 2 * PAGE + 100));
	CALL(data_from(fd, 4 * PAGE));
	CALL(data_from(fd, 20 * PAGE + 60));
	CALL(data_from(fd, 20 * PAGE + 100));
	CALL(hole_from(fd, 0));
	CALL(hole_from(fd, 2 * PAGE));
	CALL(hole_from(fd, 3 * PAGE + 9));
	CALL(hole_from(fd, 4 * PAGE + 9));
	CALL(hole_from(fd, 20 * PAGE));
	CALL(hole_from(fd, 20 * PAGE + 100));
	CALL(lseek(fd, -1, SEEK_DATA));
	CALL(lseek(fd, 0, SEEK_CUR));
}

int main(void)
{
	calls_begin();
	RUN(open_flags);
	RUN(open_path_only);
	RUN(read_and_write);
	RUN(vectors);
	RUN(sizes);
	RUN(links);
	RUN(renames);
	RUN(exchanges);
	RUN(holes);
	RUN(seek_in_memory);
	RUN(status);
	RUN(access_modes);
	RUN(times_of_files);
	RUN(attributes);
	return 0;
}
