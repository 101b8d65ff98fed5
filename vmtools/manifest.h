/* SPDX-License-Identifier: MIT */
/*
 * The manifest (docs/manifest.md): a text that says which domains a machine has. Parsing fills the
 * bundle's own header, plus what only the host needs: paths of images and the lines where things
 * were said. After a parse without errors every number in `header` is within the bounds that
 * docs/manifest.md gives; the images are looked at later, by bundle.h.
 */
#ifndef VMTOOLS_MANIFEST_H
#define VMTOOLS_MANIFEST_H

#include <stdarg.h>
#include <stdint.h>

#include "abi/bundle.h"

#define MANIFEST_PATH_MAX 1024
#define MANIFEST_DEFAULT_PRIORITY 10

struct manifest_image {
	char path[MANIFEST_PATH_MAX]; /* as written */
	unsigned line;
	uint32_t domain; /* that runs it, or is given it as its module */
};

struct manifest_domain {
	unsigned line; /* where the domain starts */
	unsigned seen; /* bit per directive, see manifest.c */
};

struct manifest_link {
	unsigned line;
	char front[16], back[16];
};

struct manifest {
	const char *file; /* for messages */
	struct bundle_header header;
	struct manifest_image images[BUNDLE_MAX_IMAGES];
	struct manifest_domain domains[BUNDLE_MAX_DOMAINS];
	struct manifest_link links[BUNDLE_MAX_LINKS];
	unsigned error_count;
	/* Called for each error: "FILE:LINE: what is wrong and what to do", no newline. */
	void (*report)(void *to, const char *text);
	void *report_to;
};

/** Parse `text` (of `file`, a name for messages) into *m, whose report and report_to are set. Goes on after an error, so that
 *  one run shows all of them. 0, or -EINVAL after at least one report. */
int manifest_parse(struct manifest *m, const char *file, const char *text);
/** The checks over all lines, as manifest_parse calls them at the end (manifest_check.c). */
void manifest_check(struct manifest *m);

/** Note an error at a line (0: the whole file). */
void manifest_error(struct manifest *m, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** The main domain, or NULL. */
struct bundle_domain *manifest_main(struct manifest *m);
/** By name, or NULL. */
struct bundle_domain *manifest_domain(struct manifest *m, const char *name);
/** Use `path` as the domain's module, in place of what the text said. -ENOSPC: too many images. */
int manifest_set_module(struct manifest *m, struct bundle_domain *domain, const char *path);
/** Index of an image with this path, added if there is none. -ENOSPC, or -ENAMETOOLONG. */
int manifest_image(struct manifest *m, const char *path, unsigned line, uint32_t domain);

/* What the checks in manifest_check.c ask about a domain. */
enum manifest_seen {
	SEEN_MAIN, SEEN_IMAGE, SEEN_MODULE, SEEN_MEMORY, SEEN_VCPUS, SEEN_CPUS, SEEN_PRIORITY, SEEN_CMDLINE, SEEN_RESTART,
	SEEN_HEARTBEAT, SEEN_UNFENCED, SEEN_KEEP_MODULE, SEEN_BUDGET, SEEN_TEST_NO_RESET, SEEN_DEVICE
};

#endif
