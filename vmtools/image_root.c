/* SPDX-License-Identifier: MIT */
/*
 * A root image as the options ask for it. One of packages comes out of the cache; a directory's files are laid over a copy of it by
 * debugfs, which writes through no link: a file bin/x is named usr/bin/x, where it lands in a merged /usr.
 */
#include "image.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packages.h"
#include "say.h"
#include "spawn.h"

#define PATH_SIZE 512

static FILE *tree_script;
static size_t tree_prefix; /* length of the directory's own name in each path */
static const char *tree_bad; /* a name that cannot be written in a script */

/* Where "/bin/x" of the directory is in a merged /usr. */
static void merged_name(const char *path, char *name, size_t size)
{
	static const char *const merged[] = { "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };
	size_t length = 1 + strcspn(path + 1, "/");
	for (size_t i = 0; i < sizeof(merged) / sizeof(merged[0]); i++) {
		if (strlen(merged[i]) == length && strncmp(path, merged[i], length) == 0) {
			snprintf(name, size, "/usr%s", path);
			return;
		}
	}
	snprintf(name, size, "%s", path);
}

/* Quoted for debugfs, which knows no escapes. */
static int add_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char target[PATH_SIZE], name[2 * PATH_SIZE];
	if (!path[tree_prefix]) {
		return 0;
	}
	merged_name(path + tree_prefix, name, sizeof(name));
	if (strpbrk(path, "\"\n")) {
		tree_bad = "a name with a quotation mark or a newline in it";
		return 1;
	}
	if (S_ISDIR(st->st_mode)) {
		fprintf(tree_script, "mkdir \"%s\"\n", name);
	} else if (S_ISREG(st->st_mode)) {
		fprintf(tree_script, "rm \"%s\"\nwrite \"%s\" \"%s\"\nset_inode_field \"%s\" mode 0%o\n", name, path, name, name, st->st_mode);
		fprintf(tree_script, "set_inode_field \"%s\" uid 0\nset_inode_field \"%s\" gid 0\n", name, name);
	} else if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		fprintf(tree_script, "rm \"%s\"\nsymlink \"%s\" \"%s\"\n", name, name, target);
	}
	return 0;
}

/* debugfs goes on after an error and ends with 0; its words tell. That a name was not there to be removed, or a directory was, is none. */
static void take_error(void *to, char *line)
{
	char *why = to;
	if (!*why && (strncmp(line, "write: ", 7) == 0 || strncmp(line, "symlink: ", 9) == 0 || strstr(line, "not allocate"))) {
		snprintf(why, PATH_SIZE, "%s", line);
	}
}

int image_add_tree(const char *image, const char *dir, const char *scratch)
{
	char path[PATH_SIZE], why[PATH_SIZE] = "";
	snprintf(path, sizeof(path), "%s/tree.debugfs", scratch);
	tree_script = fopen(path, "we");
	if (!tree_script) {
		return fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
	}
	tree_prefix = strlen(dir);
	while (tree_prefix > 1 && dir[tree_prefix - 1] == '/') {
		tree_prefix--;
	}
	tree_bad = NULL;
	int walked = nftw(dir, add_entry, 32, FTW_PHYS);
	if (fclose(tree_script) != 0 || walked != 0) {
		return fail(VMCTL_IMAGE, "%s can't be put into the image: %s", dir, tree_bad ? tree_bad : strerror(errno));
	}
	const char *const debugfs[] = { "debugfs", "-w", "-f", path, image, NULL };
	int status = spawn_lines(debugfs, "e2fsprogs", take_error, why);
	return status > 0 ? status : status < 0 || *why ? fail(VMCTL_IMAGE, "%s can't be put into the image: %s", dir, why) : 0;
}

int image_packages(const struct options *o, char *image, size_t size, const char *scratch)
{
	struct packages *p = calloc(1, sizeof(*p));
	const char *why;
	if (!p) {
		return fail(VMCTL_HOST, "no memory");
	}
	*p = (struct packages){ .mirror = o->mirror, .size = o->size, .update = o->update, .set_up = o->set_up };
	int status = packages_parse(p, o->packages, &why) ? fail(VMCTL_USAGE, "--packages %s is not possible: %s", o->packages, why) :
							     packages_image(p, scratch, image, size);
	free(p);
	return status;
}

int image_root(const struct options *o, const char *dir, const char *output, uint64_t slack, const char *scratch)
{
	char cached[1024];
	if (!o->packages) {
		return image_make(dir, output, slack, scratch);
	}
	int status = image_packages(o, cached, sizeof(cached), scratch);
	const char *const argv[] = { "cp", "--sparse=always", "--reflink=auto", cached, output, NULL };
	status = status ? status : spawn_run(argv, "coreutils");
	return status || !dir ? status : image_add_tree(output, dir, scratch);
}
