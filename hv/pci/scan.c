/* SPDX-License-Identifier: MIT */
/*
 * The list of functions, made once at boot from every bus of segment 0 that there is, and fixed from then on.
 * Bus numbers behind bridges are the firmware's. From the scan on, no function but bridges and the IOMMU masters the
 * bus until a domain owns it.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/log.h"
#include "pci_internal.h"

#define PCI_MAX_FUNCTIONS 128u

static struct pci_function functions[PCI_MAX_FUNCTIONS];
static unsigned function_count;

/* True: there is one, and it says that its device has more. */
static bool function_add(uint16_t bdf)
{
	struct pci_function f = { .bdf = bdf };
	if (pci_read(&f, PCI_VENDOR, 2) == 0xffff) {
		return false;
	}
	pci_function_read(&f);
	if (!pci_is_infrastructure(&f)) {
		pci_bus_master(&f, false);
	}
	if (function_count < PCI_MAX_FUNCTIONS) {
		f.index = f.group = (uint8_t)function_count;
		functions[function_count++] = f;
	} else {
		log_line("pci: %02x:%02x.%x: one too many, no domain can own it", bdf >> 8, bdf >> 3 & 31, bdf & 7);
	}
	return pci_read(&f, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTI;
}

int pci_init(void)
{
	unsigned first, last;
	if (ecam_init(&first, &last) < 0) {
		return -ENODEV;
	}
	for (unsigned bdf = first << 8; bdf < (last + 1) << 8; bdf++) {
		if (!function_add((uint16_t)bdf) && bdf % 8 == 0) {
			bdf += 7; /* the device has no other function */
		}
	}
	pci_groups_make();
	return 0;
}

unsigned pci_count(void)
{
	return function_count;
}

struct pci_function *pci_at(unsigned index)
{
	return &functions[index];
}

struct pci_function *pci_find(uint16_t bdf)
{
	for (unsigned i = 0; i < function_count; i++) {
		if (functions[i].bdf == bdf) {
			return &functions[i];
		}
	}
	return NULL;
}

struct pci_function *pci_find_class(uint32_t class_code, unsigned index)
{
	for (unsigned i = 0; i < function_count; i++) {
		if (functions[i].class_code == class_code && index-- == 0) {
			return &functions[i];
		}
	}
	return NULL;
}

void pci_bus_master(struct pci_function *f, bool on)
{
	uint32_t command = pci_read(f, PCI_COMMAND, 2);
	pci_write(f, PCI_COMMAND, 2, on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER);
}
