/* SPDX-License-Identifier: MIT */
/* The network adapter in the monolithic kernel: the same component as in the driver domain, on PCI functions found here, with a thread for its poll. */
#include "e1000e/e1000e.h"

#include "kernel/platform.h"
#include "kernel/thread.h"
#include "net/netdevs.h"
#include "platform/pci.h"

static void e1000e_thread(void *arg)
{
	struct e1000e *nic = arg;
	for (;;) {
		e1000e_wait(nic, e1000e_poll(nic));
	}
}

static void e1000e_found(struct pcidev *pci)
{
	struct e1000e *nic = e1000e_drives(pci) ? e1000e_create(pci) : NULL;
	if (!nic) {
		return;
	}
	if (!thread_create("e1000e", e1000e_thread, nic)) {
		kprintf("e1000e: no memory for the poll's thread");
	}
	interface_register(e1000e_netdev(nic));
}

void e1000e_probe(void)
{
	pci_each_class(E1000E_CLASS, e1000e_found);
}
