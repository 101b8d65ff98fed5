/* SPDX-License-Identifier: MIT */
/* What the files of block/ share: the kinds of disk that block_probe starts. */
#ifndef BLOCK_INTERNAL_H
#define BLOCK_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "component/pcidev.h"

/* virtio_blk.c */
extern const struct virtio_driver virtio_blk_driver;

/* ahci.c: find and start */
void ahci_probe(void);

/* pci.c: configuration mechanism #1, bus 0 and what lies behind its bridges */
/** Call found() for each function of this class. The pcidev lives on. */
void pci_each_class(uint32_t class_code, void (*found)(struct pcidev *dev));

#endif
