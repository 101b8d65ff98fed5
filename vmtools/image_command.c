/* SPDX-License-Identifier: MIT */
/* `vmctl image`: root images and bootable ISOs for use outside of `vmctl run`. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "compile.h"
#include "image.h"
#include "plan.h"
#include "say.h"
#include "workdir.h"

#define SLACK (64ull << 20)

/* Hypervisor and bundle in one ISO; the guest's root is then on the disk of the machine that boots it. */
static int make_bootable(const struct options *options, const struct workdir *dir)
{
	char kernel[512];
	struct manifest *m = calloc(1, sizeof(*m));
	if (!m) {
		return fail(VMCTL_HOST, "no memory");
	}
	int status = options->manifest ? compile_manifest(m, options->manifest) : compile_text(m, "the built-in manifest", plan_manifest());
	const char *bundle = workdir_file(dir, "bundle");
	status = status ? status : compile_bundle(m, compile_image_dir(), bundle);
	free(m);
	snprintf(kernel, sizeof(kernel), "%s/hv.elf", compile_image_dir());
	return status ? status : image_iso(kernel, bundle, options->output, dir->path);
}

int command_image(const struct options *options)
{
	if (options->word_count > 1 || !options->output || (!options->bootable && options->manifest)) {
		return fail(VMCTL_USAGE, "write \"vmctl image [DIR] -o FILE\" or \"vmctl image --bootable --manifest FILE -o FILE\"");
	}
	struct workdir dir;
	int status = workdir_open(&dir, NULL);
	if (status) {
		return status;
	}
	if (options->bootable) {
		status = make_bootable(options, &dir);
	} else {
		status = image_make(options->word_count ? options->words[0] : NULL, options->output, SLACK, dir.path);
	}
	workdir_close(&dir);
	return status;
}
