/* SPDX-License-Identifier: MIT */
/* AHCI in the monolithic kernel: the same component as in the driver domain, on PCI functions found here, with a thread for its poll. */
#include "ahci/ahci.h"

#include "abi/errno.h"
#include "block_internal.h"
#include "kernel/block.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "platform/pci.h"

#define AHCI_CLASS 0x010601

static void ahci_thread(void *arg)
{
	struct ahci *ahci = arg;
	for (;;) {
		ahci_wait(ahci, ahci_poll(ahci));
	}
}

static void ahci_found(struct pcidev *pci)
{
	struct ahci *ahci = ahci_create(pci);
	struct blkdev *disk;
	int error;
	if (!ahci) {
		return;
	}
	for (unsigned index = 0; (error = ahci_disk(ahci, index, &disk)) != -ENODEV;) {
		if (error == -EAGAIN) {
			ahci_wait(ahci, ahci_poll(ahci));
			continue;
		}
		block_register(disk, "sd");
		index++;
	}
	if (!thread_create("ahci", ahci_thread, ahci)) {
		kprintf("ahci: no memory for the poll's thread: errors of the disk are not recovered");
	}
}

void ahci_probe(void)
{
	pci_each_class(AHCI_CLASS, ahci_found);
}
