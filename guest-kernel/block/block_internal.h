/* SPDX-License-Identifier: MIT */
/* What the files of block/ share: the kinds of disk that block_probe starts. */
#ifndef BLOCK_INTERNAL_H
#define BLOCK_INTERNAL_H

/* virtio_blk.c */
extern const struct virtio_driver virtio_blk_driver;

/* ahci.c: find and start */
void ahci_probe(void);

#endif
