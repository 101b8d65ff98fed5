/* SPDX-License-Identifier: MIT */
/* See packages.h. One vmctl at a time works in the cache, by a lock on a file in it; an image gets its name when it is whole. */
#include "packages.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32.h"
#include "compile.h"
#include "say.h"
#include "spawn.h"

#define IMAGES_KEPT 24

static bool on_line; /* a progress line is on the terminal */

/* Take the progress line away, so that a sentence can stand there. */
static void clear_line(void)
{
	if (on_line) {
		fputs("\r\033[K", stderr);
		on_line = false;
	}
}

void packages_progress(const char *text)
{
	if (isatty(2)) {
		clear_line();
		fprintf(stderr, "vmctl: %.100s", text);
		fflush(stderr);
		on_line = true;
	} else if (say_is_verbose()) {
		fprintf(stderr, "vmctl: %s\n", text);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Debian Policy 5.6.1 and 5.6.12: lower-case letters, digits, + - . for a name, and for a version also ~ : and capitals. */
static bool name_is_good(const char *name)
{
	size_t length = strcspn(name, "=");
	for (size_t i = 0; i < length; i++) {
		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && (i == 0 || !strchr("+-.", name[i]))) {
			return false;
		}
	}
	const char *version = name[length] ? name + length + 1 : "0";
	return length >= 2 && name[length - 1] != '-' && *version &&
	       strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.~:") == strlen(version);
}

int packages_parse(struct packages *p, const char *list, const char **why)
{
	p->count = 0;
	while (*list) {
		size_t length = strcspn(list, ", ");
		if (length >= sizeof(p->names[0]) || p->count == PACKAGES_MAX) {
			*why = length >= sizeof(p->names[0]) ? "a name is too long" : "that are more than 128 names";
			return -EINVAL;
		}
		if (length) {
			char *name = p->names[p->count++];
			memset(name, 0, sizeof(p->names[0]));
			memcpy(name, list, length);
			if (!name_is_good(name)) {
				*why = "give names of Debian packages, comma-separated, as in bash,coreutils";
				return -EINVAL;
			}
		}
		list += length + (list[length] != '\0');
	}
	if (p->count == 0) {
		*why = "give names of Debian packages, comma-separated, as in bash,coreutils";
		return -EINVAL;
	}
	qsort(p->names, p->count, sizeof(p->names[0]), compare_names);
	unsigned kept = 1;
	for (unsigned i = 1; i < p->count; i++) {
		if (strcmp(p->names[i], p->names[kept - 1]) != 0) {
			memmove(p->names[kept++], p->names[i], sizeof(p->names[0]));
		}
	}
	p->count = kept;
	return 0;
}

uint64_t packages_key(const struct packages *p, uint32_t maker, uint64_t stamp)
{
	char text[96];
	uint64_t key = 0;
	for (unsigned i = 0; i < p->count; i++) {
		key = key * 0x100000001b3ull + crc32_update(0, p->names[i], strlen(p->names[i]) + 1);
	}
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %08x%s %.40s", p->size, stamp, maker, p->set_up ? "s" : "",
		 p->mirror ? p->mirror : "");
	return key * 0x100000001b3ull + crc32_update(0, text, strlen(text));
}

/* Make the cache directory and all above it. */
static int make_directory(const char *path)
{
	char part[PATH_MAX];
	for (size_t i = 1; i <= strlen(path) && i < sizeof(part); i++) {
		if (path[i] == '/' || path[i] == '\0') {
			memcpy(part, path, i);
			part[i] = '\0';
			if (mkdir(part, 0755) != 0 && errno != EEXIST) {
				return fail(VMCTL_HOST, "the cache %s can't be made (%s): set XDG_CACHE_HOME to a directory that can be written", path,
					    strerror(errno));
			}
		}
	}
	return 0;
}

static int open_cache(struct packages *p, int *lock)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[600];
	int length;
	if (base && *base == '/') {
		length = snprintf(p->cache, sizeof(p->cache), "%s/bulkhead", base);
	} else {
		length = home && *home == '/' ? snprintf(p->cache, sizeof(p->cache), "%s/.cache/bulkhead", home) :
						snprintf(p->cache, sizeof(p->cache), "%s/cache", compile_image_dir());
	}
	if ((size_t)length >= sizeof(p->cache)) {
		return fail(VMCTL_HOST, "the cache's name is too long: set XDG_CACHE_HOME to a shorter one");
	}
	snprintf(p->apt, sizeof(p->apt), "%s/apt", p->cache);
	snprintf(path, sizeof(path), "%s/images", p->cache);
	int status = make_directory(path);
	if (status) {
		return status;
	}
	snprintf(path, sizeof(path), "%s/lock", p->cache);
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) != 0) {
		packages_progress("waiting for another vmctl that makes an image");
		while (flock(*lock, LOCK_EX) != 0 && errno == EINTR) {
		}
	}
	return *lock >= 0 ? 0 : fail(VMCTL_HOST, "%s can't be written (%s): set XDG_CACHE_HOME to a directory that can be", path, strerror(errno));
}

/* A checksum of the programs that make an image and of what is in each: when they change, an image in the cache is not theirs. */
static int maker_sum(uint32_t *sum)
{
	static const char *const names[] = { "packages-unpack", "packages-script" };
	*sum = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX];
		snprintf(path, sizeof(path), "%s/%s", compile_image_dir(), names[i]);
		char *text = compile_read_text(path);
		if (!text) {
			return fail(VMCTL_HOST, "%s is missing: run \"make\"", path);
		}
		*sum = crc32_update(*sum, text, strlen(text));
		free(text);
	}
	*sum = packages_apt_sum(*sum);
	return 0;
}

struct unpacking {
	const struct packages *p;
	char why[PACKAGES_WHY];
};

/* A line of packages-unpack's; the last one that is neither a step nor a result is kept: why it failed. */
static void take_line(void *to, char *line)
{
	struct unpacking *u = to;
	if (strncmp(line, "step ", 5) == 0) {
		packages_progress(line + 5);
	} else if (strncmp(line, "unfinished ", 11) == 0) {
		if (!u->p->set_up) {
			clear_line();
			say("--set-up would run the scripts of %s", line + 11);
		}
	} else if (strncmp(line, "files ", 6) != 0) {
		packages_note(u->why, line);
	}
}

/* The packages of `list` made into `image`, below fakeroot. */
static int unpack(const struct packages *p, const char *list, const char *scratch, const char *image)
{
	char *text = compile_read_text(list), program[PATH_MAX], root[200], size[220], slack[32];
	const char **argv = text ? calloc(strlen(text) + 16, sizeof(*argv)) : NULL; /* a name is at least a letter and a newline */
	if (!argv) {
		free(text);
		return fail(VMCTL_HOST, "no memory for the list of packages");
	}
	snprintf(program, sizeof(program), "%s/packages-unpack", compile_image_dir());
	snprintf(root, sizeof(root), "%s/root", scratch);
	snprintf(size, sizeof(size), "%" PRIu64, p->size);
	snprintf(slack, sizeof(slack), "%llu", PACKAGES_FREE);
	const char *const start[] = { "fakeroot", "--", program, root, image, size, slack };
	unsigned n = sizeof(start) / sizeof(start[0]);
	memcpy(argv, start, sizeof(start));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		argv[n++] = line;
	}
	struct unpacking u = { .p = p };
	int status = spawn_lines(argv, "fakeroot", take_line, &u);
	snprintf(size, sizeof(size), "%s.control", root);
	const char *const clean[] = { "rm", "-rf", root, size, NULL };
	spawn_run(clean, "coreutils");
	free(argv);
	free(text);
	clear_line();
	return status < 0 ? packages_explain(p, u.why) : status;
}

/* The image that was used longest ago; *count is how many there are. */
static void oldest_image(const char *images, char *oldest, size_t size, unsigned *count)
{
	DIR *dir = opendir(images);
	struct timespec least = { .tv_sec = INT64_MAX };
	*count = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct stat st;
		if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0) {
			++*count;
			if (st.st_mtim.tv_sec < least.tv_sec) {
				least = st.st_mtim;
				snprintf(oldest, size, "%s/%s", images, entry->d_name);
			}
		}
	}
	if (dir) {
		closedir(dir);
	}
}

/* Of more images than are to be kept the oldest go; a machine that runs on one keeps it open. */
static void prune(const struct packages *p)
{
	char images[600], oldest[PATH_MAX];
	unsigned count;
	snprintf(images, sizeof(images), "%s/images", p->cache);
	do {
		oldest_image(images, oldest, sizeof(oldest), &count);
	} while (count > IMAGES_KEPT && unlink(oldest) == 0);
}

/* Fetch and unpack into `image`, which gets its name when it is whole. */
static int make(struct packages *p, const char *scratch, const char *image)
{
	char list[PATH_MAX], part[PATH_MAX];
	snprintf(list, sizeof(list), "%s/packages", scratch);
	snprintf(part, sizeof(part), "%s.part", image);
	int status = packages_apt_fetch(p, list);
	clear_line();
	status = status ? status : unpack(p, list, scratch, part);
	if (status == 0 && p->set_up) {
		status = packages_set_up(part);
		clear_line();
	}
	if (status == 0 && rename(part, image) != 0) {
		status = fail(VMCTL_HOST, "%s can't be written: %s", image, strerror(errno));
	}
	unlink(part);
	return status;
}

int packages_image(struct packages *p, const char *scratch, char *image, size_t size)
{
	uint32_t maker;
	int lock = -1, status = maker_sum(&maker);
	status = status ? status : open_cache(p, &lock);
	status = status ? status : packages_apt_open(p);
	if (status == 0) {
		uint64_t key = packages_key(p, maker, packages_apt_stamp(p));
		snprintf(image, size, "%s/images/%.24s-%016" PRIx64 ".img", p->cache, p->names[0], key);
		if (access(image, R_OK) != 0) {
			status = make(p, scratch, image);
			/* Where packages had gone from the archive, its lists were fetched again meanwhile. */
			uint64_t now = packages_key(p, maker, packages_apt_stamp(p));
			char old[PATH_MAX];
			snprintf(old, sizeof(old), "%s", image);
			snprintf(image, size, "%s/images/%.24s-%016" PRIx64 ".img", p->cache, p->names[0], now);
			if (status == 0 && now != key && rename(old, image) != 0) {
				status = fail(VMCTL_HOST, "%s can't be written: %s", image, strerror(errno));
			}
			prune(p);
		}
		utimensat(AT_FDCWD, image, NULL, 0);
	}
	clear_line();
	if (lock >= 0) {
		close(lock);
	}
	return status;
}
