/* SPDX-License-Identifier: MIT */
/*
 * The list of functions, made once at boot from every bus of segment 0 that the MCFG names, and fixed from then on. Bus numbers behind
 * bridges are the firmware's. From the scan on, no function but bridges and the IOMMU masters the bus until a domain owns it.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/log.h"
#include "pci_internal.h"

#define PCI_MAX_FUNCTIONS 128u

static struct pci_function functions[PCI_MAX_FUNCTIONS];
static unsigned function_count;

/* False: there is none. */
static bool function_add(uint16_t bdf, bool *multi)
{
	struct pci_function probe = { .bdf = bdf };
	uint32_t vendor = pci_read(&probe, PCI_VENDOR, 2);
	if (vendor == 0xffff || vendor == 0) {
		return false;
	}
	*multi = pci_read(&probe, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTI;
	if (function_count == PCI_MAX_FUNCTIONS) {
		log_line("pci: %02x:%02x.%x: more than %u functions; bus mastering off, no domain can own it", bdf >> 8, bdf >> 3 & 31,
			 bdf & 7, PCI_MAX_FUNCTIONS);
		pci_bus_master(&probe, false);
		return true;
	}
	struct pci_function *f = &functions[function_count++];
	*f = probe;
	pci_function_read(f);
	if (f->class_code >> 16 != PCI_CLASS_BASE_BRIDGE && f->class_code != PCI_CLASS_IOMMU) {
		pci_bus_master(f, false);
	}
	pci_reset_prepare(f);
	pci_msix_prepare(f);
	return true;
}

int pci_init(void)
{
	unsigned first, last;
	if (ecam_init(&first, &last) < 0) {
		return -ENODEV;
	}
	for (unsigned device = first * 32; device < (last + 1) * 32; device++) {
		bool multi = false, ignored;
		bool there = function_add((uint16_t)(device << 3), &multi);
		for (unsigned function = 1; there && multi && function < 8; function++) {
			(void)function_add((uint16_t)(device << 3 | function), &ignored);
		}
	}
	return 0;
}

unsigned pci_count(void)
{
	return function_count;
}

struct pci_function *pci_at(unsigned index)
{
	return index < function_count ? &functions[index] : NULL;
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
