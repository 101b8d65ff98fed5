/* SPDX-License-Identifier: MIT */
/* Writing a bundle (lib/abi/bundle.h, docs/bundle.md): the parsed manifest and the images that it names, in one file. */
#ifndef VMTOOLS_BUNDLE_H
#define VMTOOLS_BUNDLE_H

#include "manifest.h"

/** Open every image (relative paths below `dir`), check that it can do its work (a domain's image is an ELF with a PVH entry that
 *  fits the domain's memory), and note size and CRC in the header. 0, or -EINVAL after manifest errors. */
int bundle_check_images(struct manifest *m, const char *dir);
/** After bundle_check_images: write the bundle. 0 or -errno; *bytes is its size. */
int bundle_write(struct manifest *m, const char *dir, const char *path, uint64_t *bytes);

#endif
