/* SPDX-License-Identifier: MIT */
/* Writes an archive in cpio's "newc" format, which Linux unpacks as its first root (Documentation/driver-api/early-userspace/buffer-format.rst). */
#ifndef VMTOOLS_CPIO_H
#define VMTOOLS_CPIO_H

#include <stddef.h>
#include <stdio.h>

/** Append an entry: S_IFREG with its bytes, S_IFDIR with none. The file's own error state tells in the end whether all was written. */
void cpio_put(FILE *archive, const char *name, unsigned mode, const void *bytes, size_t size);
/** Append the record that ends an archive. */
void cpio_end(FILE *archive);

#endif
