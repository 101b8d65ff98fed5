/* SPDX-License-Identifier: MIT */
/*
 * One PCI function as a driver component sees it. The driver never programs MSI addresses or BARs itself.
 */
#ifndef BULKHEAD_PCIDEV_H
#define BULKHEAD_PCIDEV_H

#include <stddef.h>
#include <stdint.h>

struct pcidev;
struct pcidev_ops {
	/** width 1, 2 or 4 bytes at an aligned offset; all ones where nothing is. */
	uint32_t (*config_read)(struct pcidev *dev, unsigned offset, unsigned width);
	void (*config_write)(struct pcidev *dev, unsigned offset, unsigned width, uint32_t value);
	/** Call handler(arg) at each interrupt (MSI, MSI-X entry `index`, or the pin). 0 or -ENODEV. */
	int (*irq_enable)(struct pcidev *dev, unsigned index, void (*handler)(void *arg), void *arg);
};

struct pcidev_bar {
	volatile void *registers; /* mapped uncached; NULL: absent or I/O space */
	uint64_t size;
};

struct pcidev {
	const struct pcidev_ops *ops;
	void *owner;
	uint16_t vendor, device, bdf;
	uint32_t class_code; /* 24 bits */
	struct pcidev_bar bars[6];
};

#endif
