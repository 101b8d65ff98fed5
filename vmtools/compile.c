/* SPDX-License-Identifier: MIT */
/* See compile.h, docs/manifest.md and docs/bundle.md. */
#include "compile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "command.h"
#include "say.h"

static void report_line(void *to, const char *text)
{
	fprintf(stderr, "%s\n", text);
}

const char *compile_image_dir(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (!slash) {
		return ".";
	}
	*slash = '\0';
	return path;
}

char *compile_read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		return NULL;
	}
	char *text = NULL;
	size_t size = 0;
	errno = 0;
	if (getdelim(&text, &size, '\0', file) < 0 && (ferror(file) || !(text = calloc(1, 1)))) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

int compile_text(struct manifest *m, const char *name, const char *text)
{
	m->report = report_line;
	m->report_to = NULL;
	if (manifest_parse(m, name, text) != 0) {
		return fail(VMCTL_MANIFEST, "%s has %u error%s", name, m->error_count, m->error_count == 1 ? "" : "s");
	}
	return 0;
}

int compile_manifest(struct manifest *m, const char *path)
{
	char *text = compile_read_text(path);
	if (!text) {
		return fail(VMCTL_MANIFEST, "manifest %s can't be read: %s", path, strerror(errno));
	}
	int status = compile_text(m, path, text);
	free(text);
	return status;
}

int compile_bundle(struct manifest *m, const char *dir, const char *output)
{
	if (bundle_check_images(m, dir) != 0) {
		return fail(VMCTL_MANIFEST, "%s has %u error%s", m->file, m->error_count, m->error_count == 1 ? "" : "s");
	}
	uint64_t bytes;
	int error = bundle_write(m, dir, output, &bytes);
	if (error) {
		unlink(output);
		return fail(VMCTL_HOST, "bundle %s can't be written: %s", output, strerror(-error));
	}
	say("bundle %s: %u domains, %u images, %llu bytes", output, m->header.domain_count, m->header.image_count,
	    (unsigned long long)bytes);
	return 0;
}

int command_bundle(const struct options *options)
{
	if (options->word_count != 1 || !options->output) {
		return fail(VMCTL_USAGE, "write \"vmctl bundle MANIFEST -o FILE\"");
	}
	struct manifest *m = calloc(1, sizeof(*m));
	int status = m ? compile_manifest(m, options->words[0]) : VMCTL_HOST;
	if (status == 0) {
		status = compile_bundle(m, options->dir ? options->dir : compile_image_dir(), options->output);
	}
	free(m);
	return status;
}

int command_check(const struct options *options)
{
	if (options->word_count != 1) {
		return fail(VMCTL_USAGE, "write \"vmctl check MANIFEST\"");
	}
	struct manifest *m = calloc(1, sizeof(*m));
	int status = m ? compile_manifest(m, options->words[0]) : VMCTL_HOST;
	if (status == 0 && options->dir && bundle_check_images(m, options->dir) != 0) {
		status = fail(VMCTL_MANIFEST, "%s has %u error%s", m->file, m->error_count, m->error_count == 1 ? "" : "s");
	}
	if (status == 0) {
		printf("%s: %u domains, %u links, no errors\n", options->words[0], m->header.domain_count, m->header.link_count);
	}
	free(m);
	return status;
}
