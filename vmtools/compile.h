/* SPDX-License-Identifier: MIT */
/* From a manifest's text to a bundle on disk: what `vmctl bundle`, `vmctl check` and `vmctl run` share. */
#ifndef VMTOOLS_COMPILE_H
#define VMTOOLS_COMPILE_H

#include "manifest.h"

/** Directory of the running program, where the images are built. */
const char *compile_image_dir(void);
/** The whole of a text file, malloc'ed, or NULL with errno set. */
char *compile_read_text(const char *path);
/** Parse a manifest file, errors to stderr. 0 or a vmctl status. */
int compile_manifest(struct manifest *m, const char *path);
/** The same from a text in memory. */
int compile_text(struct manifest *m, const char *name, const char *text);
/** Check the images below `dir` and write the bundle. 0 or a vmctl status. */
int compile_bundle(struct manifest *m, const char *dir, const char *output);

#endif
