/* SPDX-License-Identifier: MIT */
/* The AHCI domain: the first device of the domain is the adapter; its disks go to the links in the order of ports. */
#include "abi/errno.h"
#include "ahci/ahci.h"
#include "env/env.h"
#include "runtime/runtime.h"

/* Poll until it is known which disk, if any, each link gets. */
static unsigned find_disks(struct ahci *ahci, struct blkdev **disks, unsigned wanted)
{
	unsigned found = 0;
	while (found < wanted) {
		uint64_t until = ahci_poll(ahci);
		int error = ahci_disk(ahci, found, &disks[found]);
		if (error == -ENODEV) {
			break;
		}
		if (error == -EAGAIN) {
			ahci_wait(ahci, until);
			continue;
		}
		found++;
	}
	return found;
}

static bool before_wait(void *arg, uint64_t *until)
{
	return ahci_before_wait(arg, until);
}

void domain_main(void)
{
	struct blkdev *disks[BH_MAX_LINKS] = { 0 };
	struct pcidev *pci = pci_at(0);
	struct ahci *ahci = pci ? ahci_create(pci) : NULL;
	if (!ahci) {
		domain_panic("no AHCI adapter to drive");
	}
	events_before_wait(before_wait, ahci);
	unsigned found = find_disks(ahci, disks, serve_links());
	serve_disks(disks, found, BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE);
	for (;;) {
		ahci_wait(ahci, ahci_poll(ahci));
	}
}
