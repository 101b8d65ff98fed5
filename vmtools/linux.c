/* SPDX-License-Identifier: MIT */
/* See linux.h. The directory beside vmctl has its name only when it is whole, so two that fetch at once do not meet in it. */
#include "linux.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "cpio.h"
#include "say.h"
#include "spawn.h"

#define META_PACKAGE "linux-image-amd64"
#define MODULES_MAX 64
#define MODULE_NAME 64

/* What init is to load, with what that depends on. ext4 asks for crc32c by its name in the crypto interface, not by a symbol. */
static const char *const wanted[] = { "crc32c_generic", "ahci", "sd_mod", "ext4" };

struct archive {
	FILE *file;
	char done[MODULES_MAX][MODULE_NAME];
	unsigned count;
};

static const char *cache(const char *name)
{
	static char path[2][PATH_MAX];
	static unsigned next;
	char *at = path[next++ % 2];
	snprintf(at, PATH_MAX, "%s/linux%s%s", compile_image_dir(), *name ? "/" : "", name);
	return at;
}

/* The package that the meta-package stands for today. */
static int find_package(char *name, size_t size)
{
	char line[256];
	FILE *list = popen("apt-cache depends " META_PACKAGE " 2>/dev/null", "re");
	name[0] = '\0';
	while (list && fgets(line, sizeof(line), list)) {
		char *at = strstr(line, "Depends: linux-image-");
		if (at && !name[0]) {
			at += strlen("Depends: ");
			snprintf(name, size, "%.*s", (int)strcspn(at, " \n"), at);
		}
	}
	if (list) {
		pclose(list);
	}
	return name[0] ? 0 : fail(VMCTL_HOST, "apt knows no " META_PACKAGE ": run \"apt-get update\" as root, or see that a Debian archive is in /etc/apt");
}

int linux_fetch(void)
{
	static const char script[] = "cd \"$1\" && apt-get -qq download \"$2\" && dpkg-deb -x ./*.deb . && rm ./*.deb && cp boot/vmlinuz-* vmlinuz";
	char package[128], part[PATH_MAX];
	if (access(cache("vmlinuz"), R_OK) == 0) {
		return 0;
	}
	int status = find_package(package, sizeof(package));
	if (status) {
		return status;
	}
	fprintf(stderr, "vmctl: fetching %s, about 70 MB, once\n", package);
	snprintf(part, sizeof(part), "%s/linux.part-%d", compile_image_dir(), (int)getpid());
	if (mkdir(part, 0755) != 0) {
		return fail(VMCTL_HOST, "%s can't be made: %s", part, strerror(errno));
	}
	const char *const fetch[] = { "sh", "-c", script, "sh", part, package, NULL };
	status = spawn_run(fetch, "apt");
	if (status || (rename(part, cache("")) != 0 && access(cache("vmlinuz"), R_OK) != 0)) {
		const char *const clean[] = { "rm", "-rf", part, NULL };
		spawn_run(clean, "coreutils");
		return status ? status : fail(VMCTL_HOST, "%s can't be made: %s", cache(""), strerror(errno));
	}
	return 0;
}

int linux_kernel(char *path, size_t size)
{
	int status = linux_fetch();
	snprintf(path, size, "%s", cache("vmlinuz"));
	return status;
}

/* Modules are named with '-' or '_', in one place so and in another so. */
static bool same_name(const char *a, const char *b, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (a[i] != b[i] && !(strchr("-_", a[i]) && strchr("-_", b[i]))) {
			return false;
		}
	}
	return true;
}

/* nftw() hands its callback nothing of ours. */
static struct {
	const char *name;
	char path[PATH_MAX];
} search;

static int compare_module(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *base = path + ftw->base;
	size_t length = strlen(search.name);
	if (type == FTW_F && strlen(base) == length + 3 && strcmp(base + length, ".ko") == 0 && same_name(base, search.name, length)) {
		snprintf(search.path, sizeof(search.path), "%s", path);
		return 1;
	}
	return 0;
}

static char *read_whole(const char *path, size_t *size)
{
	struct stat st;
	FILE *file = fopen(path, "re");
	char *bytes = file && fstat(fileno(file), &st) == 0 ? malloc((size_t)st.st_size + 1) : NULL;
	if (bytes && fread(bytes, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
		free(bytes);
		bytes = NULL;
	}
	if (bytes) {
		*size = (size_t)st.st_size;
		bytes[*size] = '\0';
	}
	if (file) {
		fclose(file);
	}
	return bytes;
}

static int put_module(struct archive *a, const char *name);

/* A module's own list of what it needs is a string in it: "depends=a,b". */
static int put_needs(struct archive *a, const char *bytes, size_t size)
{
	char list[512];
	const char *at = memmem(bytes, size, "\0depends=", 9);
	snprintf(list, sizeof(list), "%s", at ? at + 9 : "");
	int status = 0;
	char *save;
	for (char *need = strtok_r(list, ",", &save); need && !status; need = strtok_r(NULL, ",", &save)) {
		status = put_module(a, need);
	}
	return status;
}

static int put_module(struct archive *a, const char *name)
{
	char file[MODULE_NAME + 16];
	size_t size;
	for (unsigned i = 0; i < a->count; i++) {
		if (strlen(a->done[i]) == strlen(name) && same_name(a->done[i], name, strlen(name))) {
			return 0;
		}
	}
	search.name = name;
	if (a->count == MODULES_MAX || strlen(name) >= MODULE_NAME || nftw(cache("lib/modules"), compare_module, 32, FTW_PHYS) != 1) {
		return fail(VMCTL_HOST, "Debian's kernel has no module %s", name);
	}
	char *bytes = read_whole(search.path, &size);
	if (!bytes) {
		return fail(VMCTL_HOST, "%s can't be read", search.path);
	}
	int status = put_needs(a, bytes, size);
	if (status == 0) {
		snprintf(a->done[a->count++], MODULE_NAME, "%s", name);
		snprintf(file, sizeof(file), "modules/%s", name);
		cpio_put(a->file, file, S_IFREG | 0644, bytes, size);
	}
	free(bytes);
	return status;
}

static int put_order(struct archive *a)
{
	char text[MODULES_MAX * (MODULE_NAME + 1)] = "";
	for (unsigned i = 0; i < a->count; i++) {
		strcat(strcat(text, a->done[i]), "\n");
	}
	cpio_put(a->file, "modules/order", S_IFREG | 0644, text, strlen(text));
	return 0;
}

static int put_init(struct archive *a)
{
	char path[PATH_MAX];
	size_t size;
	snprintf(path, sizeof(path), "%s/linux-init", compile_image_dir());
	char *bytes = read_whole(path, &size);
	if (!bytes) {
		return fail(VMCTL_HOST, "%s is missing: run \"make\"", path);
	}
	cpio_put(a->file, "init", S_IFREG | 0755, bytes, size);
	free(bytes);
	return 0;
}

int linux_initrd(const char *output, const char *command, bool has_network)
{
	struct archive *a = calloc(1, sizeof(*a));
	if (!a || !(a->file = fopen(output, "we"))) {
		free(a);
		return fail(VMCTL_HOST, "%s can't be written: %s", output, strerror(errno));
	}
	cpio_put(a->file, "modules", S_IFDIR | 0755, NULL, 0);
	cpio_put(a->file, "command", S_IFREG | 0644, command, strlen(command));
	int status = put_init(a);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !status; i++) {
		status = put_module(a, wanted[i]);
	}
	if (has_network && !status) {
		status = put_module(a, "e1000e");
	}
	status = status ? status : put_order(a);
	cpio_end(a->file);
	if (fclose(a->file) != 0 && !status) {
		status = fail(VMCTL_HOST, "%s can't be written: %s", output, strerror(errno));
	}
	free(a);
	return status;
}
