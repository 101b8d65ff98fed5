/* SPDX-License-Identifier: MIT */
/* The e1000e domain: the first device of the domain is the adapter; it goes to the first network link. */
#include "e1000e/e1000e.h"
#include "runtime/runtime.h"

static bool before_wait(void *arg, uint64_t *until)
{
	return e1000e_before_wait(arg, until);
}

void domain_main(void)
{
	struct pcidev *pci = pci_at(0);
	struct e1000e *nic = pci ? e1000e_create(pci) : NULL;
	if (!nic) {
		domain_panic("no network adapter to drive");
	}
	events_before_wait(before_wait, nic);
	serve_net(e1000e_netdev(nic), BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE);
	for (;;) {
		e1000e_wait(nic, e1000e_poll(nic));
		if (e1000e_gone(nic)) {
			domain_panic("the network adapter is gone"); /* a successor may find it again */
		}
	}
}
