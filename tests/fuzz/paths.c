/* SPDX-License-Identifier: MIT */
/*
 * Random operations on paths: `paths DIRECTORY SEED COUNT` makes DIRECTORY its root and says what each of COUNT calls answered. The same
 * binary runs on the host's Linux and in the guest; the outputs must be the same. Names are few, so that they meet: as files, directories,
 * links and FIFOs, through "..", loops, slashes at the end, names of 255 and 256 bytes and paths of 4095 and more; from directories that are
 * gone, below descriptors, as root and as another user. No sticky directories and no links by that user: Linux has sysctls for those.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRECTORIES 4
#define NOBODY 65534

static uint64_t state;
static size_t longest; /* of names */
static int directories[DIRECTORIES];
static char first[8300], second[8300];

static uint64_t below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % n;
}

static const char *error_name(int error)
{
	static char number[16];
	static const char *const names[134] = {
		[EPERM] = "EPERM", [ENOENT] = "ENOENT", [EIO] = "EIO", [EBADF] = "EBADF", [EACCES] = "EACCES", [EBUSY] = "EBUSY", [EEXIST] = "EEXIST",
		[EXDEV] = "EXDEV", [ENOTDIR] = "ENOTDIR", [EISDIR] = "EISDIR", [EINVAL] = "EINVAL", [EFBIG] = "EFBIG", [ENOSPC] = "ENOSPC",
		[EROFS] = "EROFS", [EMLINK] = "EMLINK", [ENXIO] = "ENXIO", [ENOTEMPTY] = "ENOTEMPTY", [ELOOP] = "ELOOP", [ENAMETOOLONG] = "ENAMETOOLONG",
		[ENOSYS] = "ENOSYS", [EOPNOTSUPP] = "EOPNOTSUPP", [EPIPE] = "EPIPE", [EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM", [ETXTBSY] = "ETXTBSY",
		[EOVERFLOW] = "EOVERFLOW",
	};
	if (error >= 0 && error < 134 && names[error]) {
		return names[error];
	}
	snprintf(number, sizeof(number), "error %d", error);
	return number;
}

/* `to` has room for all that this makes. */
static const char *path(char *to)
{
	static const char *const names[] = { "a", "b", "c", "d", "a", "b", "..", ".", "", "e" };
	uint64_t parts = 1 + below(below(4) ? 3 : 7);
	char *at = to;
	if (below(6) == 0) {
		*at++ = '/';
	}
	for (uint64_t i = 0; i < parts; i++) {
		uint64_t kind = below(200);
		if (kind == 0) {
			size_t length = longest - 1 + below(2);
			memset(at, 'n', length);
			at += length;
		} else if (kind == 1) {
			size_t length = 4080 + below(16) - (size_t)(at - to < 4000 ? at - to : 0);
			for (size_t n = 0; n < length; n += 2) {
				*at++ = '.';
				*at++ = '/';
			}
		} else {
			at = stpcpy(at, names[below(sizeof(names) / sizeof(*names))]);
		}
		if (at - to > 4096) {
			break;
		}
		if (i + 1 < parts || below(10) == 0) {
			*at++ = '/';
		}
	}
	*at = '\0';
	return to;
}

static const char *shown(const char *p)
{
	static char text[4][64];
	static int next;
	size_t length = strlen(p);
	if (length < 48) {
		return p;
	}
	char *to = text[next++ % 4];
	snprintf(to, sizeof(*text), "%.20s..%zu..%s", p, length, p + length - 8);
	return to;
}

static int base(void)
{
	uint64_t which = below(DIRECTORIES + 4);
	return which < DIRECTORIES ? directories[which] : AT_FDCWD;
}

static void say(const char *what, long result)
{
	int error = errno;
	printf("%s %s %s", what, shown(first), shown(second));
	if (result < 0) {
		printf(": %s\n", error_name(error));
	} else {
		printf(": %ld\n", result);
	}
}

static void say_status(const char *what, int at, int flags)
{
	struct stat s;
	int result = fstatat(at, first, &s, flags);
	say(what, result);
	if (result == 0) {
		printf("\tmode %o links %u owner %u", s.st_mode, (unsigned)s.st_nlink, s.st_uid);
		printf(S_ISDIR(s.st_mode) ? "\n" : " size %ld\n", (long)s.st_size);
	}
}

static void open_some(int at)
{
	static const int flags[] = { O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_APPEND, O_PATH };
	int chosen = (int)below(3) | O_NONBLOCK;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		chosen |= below(4) == 0 ? flags[i] : 0;
	}
	chosen &= chosen & O_CREAT ? ~O_DIRECTORY : ~0; /* creates a file or not, by the version */
	int fd = openat(at, first, chosen, 0700 | (unsigned)below(0100));
	printf("%o ", chosen);
	say("open", fd < 0 ? fd : 0);
	if (fd >= 0) {
		ssize_t n = write(fd, "bytes", below(6));
		printf("\twrites %zd %s\n", n, n < 0 ? error_name(errno) : "");
		close(fd);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(int at)
{
	char *names[64];
	size_t count = 0;
	int fd = openat(at, first, O_RDONLY | O_DIRECTORY);
	say("list", fd < 0 ? fd : 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *e; d && count < 64 && (e = readdir(d)) != NULL;) {
		names[count++] = strdup(e->d_name);
	}
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		printf("\t%s\n", shown(names[i]));
		free(names[i]);
	}
	if (d) {
		closedir(d);
	}
}

static void change_directory(void)
{
	static char where[8192];
	say("chdir", chdir(first));
	if (below(8) == 0) {
		chdir("/");
	}
	errno = 0;
	printf("\tat %s %s\n", getcwd(where, sizeof(where)) ? shown(where) : "nowhere", errno ? error_name(errno) : "");
}

static void keep_directory(void)
{
	uint64_t i = below(DIRECTORIES);
	int fd = open(first, O_RDONLY | O_DIRECTORY);
	say("keep", fd < 0 ? fd : 0);
	if (fd >= 0) {
		dup2(fd, directories[i]);
		close(fd);
	}
}

static void read_link(int at)
{
	static char target[8300];
	ssize_t n = readlinkat(at, first, target, below(4) ? sizeof(target) - 1 : below(4));
	say("readlink", n);
	target[n > 0 ? n : 0] = '\0';
	printf("\tto %s\n", shown(target));
}

static void one(void)
{
	int at = base(), to = base();
	uint64_t operation = below(20);
	longest = operation >= 3 && operation <= 5 ? 255 : 256; /* that and a last "." are two errors of a rename, in either order */
	path(first);
	path(second);
	switch (operation) {
	case 0:
	case 1:
		second[0] = '\0';
		return say("mkdir", mkdirat(at, first, 0700 | (unsigned)below(0100)));
	case 2:
		second[0] = '\0';
		return say("rmdir", unlinkat(at, first, AT_REMOVEDIR));
	case 3:
	case 4:
		return say("rename", renameat(at, first, to, second));
	case 5:
		return say("renameat2", syscall(SYS_renameat2, at, first, to, second, below(3) == 0 /* RENAME_NOREPLACE */));
	case 6:
		return geteuid() ? (void)0 : say("link", linkat(at, first, to, second, below(2) ? AT_SYMLINK_FOLLOW : 0));
	case 7:
	case 8:
		return say("symlink", symlinkat(first, at, second));
	case 9:
		second[0] = '\0';
		return say("unlink", unlinkat(at, first, 0));
	case 10:
		second[0] = '\0';
		return say("mknod", mknodat(at, first, S_IFIFO | (unsigned)below(01000), 0));
	}
	second[0] = '\0';
	switch (below(10)) {
	case 0:
		return change_directory();
	case 1:
		return keep_directory();
	case 2:
		return read_link(at);
	case 3:
		return list(at);
	case 4:
		return say("chmod", fchmodat(at, first, (unsigned)below(01000), 0));
	case 5:
		return say("truncate", truncate(first, (off_t)below(10000)));
	case 6:
		return say("access", faccessat(at, first, (int)below(8), AT_EACCESS));
	case 7:
		return say("chown", fchownat(at, first, below(2) ? NOBODY : 0, (gid_t)-1, below(2) ? AT_SYMLINK_NOFOLLOW : 0));
	case 8:
		return say_status("lstat", at, AT_SYMLINK_NOFOLLOW);
	default:
		return say_status("stat", at, 0);
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "paths DIRECTORY SEED COUNT\n");
		return 2;
	}
	state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	long count = atol(argv[3]);
	if (mkdir(argv[1], 0777) != 0 || chroot(argv[1]) != 0 || chdir("/") != 0 || chmod("/", 0777) != 0) {
		perror(argv[1]);
		return 1;
	}
	umask(022);
	for (int i = 0; i < DIRECTORIES; i++) {
		directories[i] = open("/", O_RDONLY | O_DIRECTORY);
	}
	for (long i = 0; i < count; i++) {
		if (below(geteuid() ? 15 : 60) == 0) {
			printf("as %d\n", seteuid(geteuid() ? 0 : NOBODY));
		}
		printf("%ld ", i);
		if (below(4) == 0) {
			longest = 256;
			path(first);
			second[0] = '\0';
			open_some(base());
		} else {
			one();
			putchar('\n');
		}
	}
	return 0;
}
