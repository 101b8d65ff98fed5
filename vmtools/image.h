/* SPDX-License-Identifier: MIT */
/* Root images, an ext4 file system in a file made from a directory, and bootable media, all without root's rights. */
#ifndef VMTOOLS_IMAGE_H
#define VMTOOLS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"

/** Make the ext4 image `output` (no journal) out of directory `dir`, with at least `slack` bytes free. Mount points that dir
 *  lacks are added, and, where it has no /bin/sh, busybox and its applets; NULL: a small system of directories around them. `scratch`
 *  is a directory for intermediate files. 0 or a vmctl status. */
int image_make(const char *dir, const char *output, uint64_t slack, const char *scratch);
/** Make the root image `output` that the options ask for: of packages, of `dir` (NULL: busybox), or of both, dir's files over the packages'. */
int image_root(const struct options *options, const char *dir, const char *output, uint64_t slack, const char *scratch);
/** The image of options->packages, in the cache: not to be changed. 0 or a vmctl status. */
int image_packages(const struct options *options, char *image, size_t size, const char *scratch);
/** Lay the files of directory `dir` over those in image; they belong to root there. `scratch` as above. 0 or a vmctl status. */
int image_add_tree(const char *image, const char *dir, const char *scratch);
/** Is it an ext4 file system? 0 or VMCTL_IMAGE after a sentence. */
int image_check(const char *image);
/** An image on top of `base`, in which alone the changes land (qcow2). 0 or a vmctl status. */
int image_overlay(const char *base, const char *output);
/** Make an ISO that starts hv_elf with the bundle from BIOS and from UEFI, as a CD or written to a USB stick (image_boot.c). 0 or a vmctl
 *  status. */
int image_iso(const char *hv_elf, const char *bundle, const char *output, const char *scratch);
/** The same as a disk with a GPT. If `output` exists it is the root file system, which stays at the disk's front. */
int image_disk(const char *hv_elf, const char *bundle, const char *output, const char *scratch);

#endif
