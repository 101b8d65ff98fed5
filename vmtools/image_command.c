/* SPDX-License-Identifier: MIT */
/*
 * `vmctl image`: root images, and ISOs and disks that boot, for use outside of `vmctl run`. The file grows under another name and gets
 * its own when it is whole, so an image by that name is never half of one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "compile.h"
#include "image.h"
#include "plan.h"
#include "say.h"
#include "spawn.h"
#include "writable.h"

#define PATH_SIZE 512
#define MIB (1ull << 20)

static const char *const medium_names[] = { "root image", "ISO", "disk" };

/* For who watches: a line a step, where stderr is a terminal or --verbose asks for it. */
static void progress(const char *what, const char *of)
{
	if (isatty(2) || say_is_verbose()) {
		fprintf(stderr, "vmctl: %s%s\n", what, of);
	}
}

/* A root file system in `output`, a copy of an image or made of a directory (NULL: busybox alone). */
static int make_root(const struct options *o, const char *from, const char *output, uint64_t slack, const char *scratch)
{
	struct stat st;
	if (!from || stat(from, &st) != 0 || !S_ISREG(st.st_mode)) {
		progress("making a root file system of ", o->packages ? o->packages : from ? from : "busybox");
		return image_root(o, from, output, slack, scratch);
	}
	if (o->packages) {
		return fail(VMCTL_USAGE, "%s is an image: packages can be put together with a directory only", from);
	}
	progress("copying the root file system ", from);
	const char *const argv[] = { "cp", "--sparse=always", from, output, NULL };
	int status = image_check(from);
	return status ? status : spawn_run(argv, "coreutils");
}

/* The bundle in the machine's directory, its RAM disk of `root` where there is one. */
static int make_bundle(const struct options *o, const char *root, const char *bundle)
{
	struct manifest *m = calloc(1, sizeof(*m));
	if (!m) {
		return fail(VMCTL_HOST, "no memory");
	}
	int status = o->manifest ? compile_manifest(m, o->manifest) : compile_text(m, "the built-in manifest", plan_manifest(o->disk));
	if (status == 0 && root) {
		status = plan_fit_ramdisk(m, root);
	}
	if (status == 0 && o->memory) {
		manifest_main(m)->memory = o->memory;
	}
	progress("bundling hypervisor and domains", "");
	status = status ? status : compile_bundle(m, compile_image_dir(), bundle);
	free(m);
	return status;
}

/* Where the root goes: to the front of a disk, or into the bundle, or nowhere. */
static int make_bootable(const struct options *o, const char *output, const struct workdir *dir)
{
	char kernel[PATH_SIZE], root[PATH_SIZE] = "";
	const char *from = o->word_count ? o->words[0] : NULL, *bundle = workdir_file(dir, "bundle");
	bool in_bundle = o->disk == DISK_RAMDISK && !o->manifest, in_front = !in_bundle && o->medium == MEDIUM_DISK && (from || o->packages || !o->manifest);
	int status = 0;
	if (from && !in_bundle && !in_front) {
		return fail(VMCTL_USAGE, "an ISO has no place for %s but in memory: add --disk ramdisk%s, or leave it out (the root is then the "
					 "machine's own disk)",
			    from, o->manifest ? " and leave out --manifest" : "");
	}
	if (in_bundle || in_front) {
		snprintf(root, sizeof(root), "%s", in_front ? output : workdir_file(dir, "root.img"));
		status = make_root(o, from, root, in_bundle ? RAMDISK_SLACK : ROOT_SLACK, dir->path);
	}
	status = status ? status : make_bundle(o, in_bundle ? root : NULL, bundle);
	snprintf(kernel, sizeof(kernel), "%s/hv.elf", compile_image_dir());
	if (status == 0) {
		progress("making it bootable by BIOS and UEFI", "");
		status = (o->medium == MEDIUM_ISO ? image_iso : image_disk)(kernel, bundle, output, dir->path);
	}
	return status;
}

static int check(const struct options *o)
{
	struct stat st;
	if (o->word_count > 1 || !o->output) {
		return fail(VMCTL_USAGE, "write \"vmctl image [DIR] -o FILE\" or \"vmctl image --bootable iso|disk [DIR|IMAGE] -o FILE\"");
	}
	if (o->medium == MEDIUM_NONE && (o->manifest || o->memory || o->disk != DISK_AHCI)) {
		return fail(VMCTL_USAGE, "--%s needs --bootable: a root image alone has no domains", o->manifest ? "manifest" : o->memory ? "memory" : "disk");
	}
	if (o->disk == DISK_RAMDISK && o->manifest) {
		return fail(VMCTL_USAGE, "--disk ramdisk is the built-in manifest's: leave out --manifest, or name a ramdisk domain in it");
	}
	if (stat(o->output, &st) != 0) {
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		return fail(VMCTL_USAGE, "%s is not a file: write the image to a file, then copy that by \"dd\"", o->output);
	}
	return o->force ? 0 : fail(VMCTL_USAGE, "%s exists already: remove it, or say --force to overwrite it", o->output);
}

static int finish(const struct options *o, const char *part)
{
	struct stat st;
	char text[80];
	if (rename(part, o->output) != 0 || stat(o->output, &st) != 0) {
		return fail(VMCTL_HOST, "%s can't be written: %s", o->output, strerror(errno));
	}
	snprintf(text, sizeof(text), "%s of %llu MiB in ", medium_names[o->medium], (unsigned long long)((uint64_t)st.st_size + MIB - 1) / MIB);
	progress(text, o->output);
	return 0;
}

int command_image(const struct options *o)
{
	struct workdir dir;
	char part[PATH_SIZE];
	int status = check(o);
	if (status == 0 && (size_t)snprintf(part, sizeof(part), "%s.part", o->output) >= sizeof(part)) {
		status = fail(VMCTL_USAGE, "%s is too long a name", o->output);
	}
	status = status ? status : writable_check(part);
	status = status ? status : workdir_open(&dir, NULL);
	if (status) {
		return status;
	}
	unlink(part);
	workdir_half_made(&dir, part);
	status = o->medium == MEDIUM_NONE ? make_root(o, o->word_count ? o->words[0] : NULL, part, ROOT_SLACK, dir.path) :
					    make_bootable(o, part, &dir);
	status = status ? status : finish(o, part);
	workdir_close(&dir);
	return status;
}
