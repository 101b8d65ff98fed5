/* SPDX-License-Identifier: MIT */
/*
 * What a function says of itself: capabilities (PCI 3.0, 6.7), BARs (6.2.5.1), a bridge's buses, and access control
 * services, which are switched on where they are (PCI Express 4.0, 6.12). A device's answers are not trusted:
 * a capability list that loops or points into the header ends there, a 64-bit BAR without an upper half is absent.
 */
#include "pci_internal.h"

#define CAP_FIRST 0x40u
#define CAP_MAX_COUNT 48u /* 192 bytes of 4-byte capabilities: a longer list is a loop */

#define EXTENDED_FIRST 0x100u
#define EXTENDED_MAX_COUNT 960u
#define ACS_CAPABILITY 4
#define ACS_CONTROL 6
#define ACS_ISOLATES 0x1du /* source validation; requests, completions, own ones go upstream: SV, RR, CR, UF */

#define BAR_IO 0x1u
#define BAR_TYPE 0x6u
#define BAR_TYPE_64 0x4u
#define BAR_FLAGS 0xfu

uint8_t pci_cap_find(const struct pci_function *f, uint8_t id)
{
	if (!(pci_read(f, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES)) {
		return 0;
	}
	unsigned at = pci_read(f, PCI_CAPABILITIES, 1) & ~3u;
	for (unsigned n = 0; n < CAP_MAX_COUNT && at >= CAP_FIRST; n++) {
		uint32_t head = pci_read(f, at, 2);
		if ((head & 0xff) == id) {
			return (uint8_t)at;
		}
		at = (head >> 8) & ~3u;
	}
	return 0;
}

/* Of an extended capability (PCI Express 4.0, 7.6); a service that it does not offer is one that the function does not
 * need (7.7.8.2). */
static bool acs_enable(const struct pci_function *f)
{
	unsigned at = f->pcie_cap ? EXTENDED_FIRST : 0;
	for (unsigned n = 0; n < EXTENDED_MAX_COUNT && at >= EXTENDED_FIRST && at + ACS_CONTROL < PCI_CONFIG_SIZE; n++) {
		uint32_t head = pci_read(f, at, 4);
		if ((uint16_t)head == PCI_EXTENDED_ACS) {
			uint32_t wanted = pci_read(f, at + ACS_CAPABILITY, 2) & ACS_ISOLATES;
			pci_write(f, at + ACS_CONTROL, 2, wanted);
			return pci_read(f, at + ACS_CONTROL, 2) == wanted;
		}
		at = head >> 20 & ~3u;
	}
	return false;
}

/* Its buses count only if they lie below its own: so a walk towards the root ends. */
static void bridge_read(struct pci_function *f)
{
	uint32_t secondary = pci_read(f, PCI_SECONDARY, 1), subordinate = pci_read(f, PCI_SUBORDINATE, 1);
	if ((pci_read(f, PCI_HEADER_TYPE, 1) & ~PCI_HEADER_MULTI) == 1 && secondary > f->bdf >> 8 &&
	    subordinate >= secondary) {
		f->secondary = (uint8_t)secondary;
		f->subordinate = (uint8_t)subordinate;
	}
}

/* 6.8.2: where the table lies. Used only if its pages hold nothing else, which a table that begins a page promises. */
static void msix_read(struct pci_function *f)
{
	uint8_t cap = pci_cap_find(f, PCI_CAP_MSIX);
	uint32_t where = cap ? pci_read(f, cap + 4, 4) : 0, offset = where & ~7u;
	if (!cap || (where & 7) > 5) {
		return;
	}
	const struct pci_bar *bar = &f->bars[where & 7];
	uint16_t count = (uint16_t)((pci_read(f, cap + 2, 2) & 0x7ff) + 1);
	uint64_t size = page_up(PCI_MSIX_ENTRY * count);
	if (((bar->at.value | offset) & (PAGE_SIZE - 1)) == 0 && offset + size <= bar->size) {
		f->msix_cap = cap;
		f->msix_count = count;
		f->msix = (struct pci_bar){ .at = HPA(bar->at.value + offset), .size = size };
	}
}

/* The value that a BAR register shows with all ones written: its size mask. The old value is put back. */
static uint32_t bar_mask(const struct pci_function *f, unsigned offset)
{
	uint32_t old = pci_read(f, offset, 4);
	pci_write(f, offset, 4, 0xffffffffu);
	uint32_t mask = pci_read(f, offset, 4);
	pci_write(f, offset, 4, old);
	return mask;
}

/* Returns how many registers the BAR takes. It is noted only if it has an address that fits its size. */
static unsigned bar_read(struct pci_function *f, unsigned index)
{
	unsigned offset = PCI_BAR0 + 4 * index;
	uint32_t low = pci_read(f, offset, 4);
	bool wide = !(low & BAR_IO) && (low & BAR_TYPE) == BAR_TYPE_64;
	if (low & BAR_IO || (wide && index == 5)) {
		return 1;
	}
	uint64_t at = low & ~BAR_FLAGS, mask = bar_mask(f, offset) & ~BAR_FLAGS;
	if (wide) {
		at |= (uint64_t)pci_read(f, offset + 4, 4) << 32;
		mask |= (uint64_t)bar_mask(f, offset + 4) << 32;
	}
	uint64_t size = mask & -mask; /* the lowest bit that can be set */
	if (at != 0 && size != 0 && (at & (size - 1)) == 0) {
		f->bars[index] = (struct pci_bar){ .at = HPA(at), .size = size };
	}
	return wide ? 2 : 1;
}

static void bars_read(struct pci_function *f)
{
	uint32_t command = pci_read(f, PCI_COMMAND, 2);
	if (pci_read(f, PCI_HEADER_TYPE, 1) & ~PCI_HEADER_MULTI) {
		return; /* a bridge's are nobody's */
	}
	pci_write(f, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (unsigned i = 0; i < 6;) {
		i += bar_read(f, i);
	}
	pci_write(f, PCI_COMMAND, 2, command);
}

void pci_function_read(struct pci_function *f)
{
	uint32_t id = pci_read(f, PCI_VENDOR, 4);
	f->vendor = (uint16_t)id;
	f->device = (uint16_t)(id >> 16);
	f->class_code = pci_read(f, PCI_CLASS, 4) >> 8;
	f->pm_cap = pci_cap_find(f, PCI_CAP_PM);
	f->msi_cap = pci_cap_find(f, PCI_CAP_MSI);
	f->pcie_cap = pci_cap_find(f, PCI_CAP_PCIE);
	f->port = f->pcie_cap ? pci_read(f, f->pcie_cap + 2, 1) >> 4 : PCI_PORT_CONVENTIONAL;
	f->acs = acs_enable(f);
	f->requester = f->bdf;
	bridge_read(f);
	bars_read(f);
	msix_read(f);
}
