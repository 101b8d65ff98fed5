/* SPDX-License-Identifier: MIT */
/* What the files of block/ share: the kinds of disk that block_probe starts. */
#ifndef BLOCK_INTERNAL_H
#define BLOCK_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "component/pcidev.h"

/* virtio_blk.c */
struct virtio_blk;
/** What is different between a link of Bulkhead and a virtio-mmio device on the bus. */
struct virtio_blk_port {
	volatile void *registers; /* virtio-mmio, version 2 */
	bool link; /* of Bulkhead: slot is valid */
	unsigned slot;
	uint32_t epoch; /* of the back end whose rings are being set up */
};
/** Set the device up and register its disk. Negative errno, with the reason logged. */
int virtio_blk_start(const struct virtio_blk_port *port, struct virtio_blk **started);
/** It rang: take completions. Any context. */
void virtio_blk_interrupt(void *virtio_blk);
/** The link's state changed (domain page). Any context. */
void virtio_blk_link_changed(struct virtio_blk *blk);

/* virtio_links.c, virtio_mmio.c, ahci.c: find and start */
void virtio_links_probe(void);
void virtio_mmio_probe(const char *cmdline);
void ahci_probe(void);

/* pci.c: configuration mechanism #1, bus 0 and what lies behind its bridges */
/** Call found() for each function of this class. The pcidev lives on. */
void pci_each_class(uint32_t class_code, void (*found)(struct pcidev *dev));

#endif
