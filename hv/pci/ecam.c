/* SPDX-License-Identifier: MIT */
/*
 * Configuration access through memory: each function has 4 KiB at base + (bus << 20 | device << 15 | function << 12).
 * PCI Firmware Specification 3.2, 4.1.2 (MCFG). Segment 0 only.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "pci_internal.h"

#define MCFG_ENTRIES (sizeof(struct acpi_header) + 8)

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
} __attribute__((packed));

static char *space; /* from first_bus on */
static unsigned first_bus;

int ecam_init(unsigned *first, unsigned *last)
{
	const struct acpi_header *mcfg = acpi_table("MCFG", 0);
	const struct mcfg_entry *region;
	for (size_t at = MCFG_ENTRIES; mcfg && at + sizeof(*region) <= mcfg->length; at += sizeof(*region)) {
		region = (const void *)((const char *)mcfg + at);
		if (region->segment == 0 && region->first_bus <= region->last_bus) {
			*first = first_bus = region->first_bus;
			*last = region->last_bus;
			uint64_t start = (uint64_t)*first << 20, end = (uint64_t)(*last + 1) << 20;
			space = mmio_map(HPA(region->base + start), end - start);
			return space ? 0 : -ENODEV;
		}
	}
	return -ENODEV;
}

/* The scan found the function in here; offsets are ours, or checked by the filter. */
static void *register_at(const struct pci_function *f, unsigned offset, unsigned width)
{
	hv_assert(offset + width <= PCI_CONFIG_SIZE);
	return space + ((uint64_t)(f->bdf - (first_bus << 8)) << 12) + offset;
}

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned width)
{
	const void *at = register_at(f, offset, width);
	return width == 1 ? mmio_read8(at, 0) : width == 2 ? mmio_read16(at, 0) : mmio_read32(at, 0);
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
	void *at = register_at(f, offset, width);
	if (width == 1) {
		mmio_write8(at, 0, (uint8_t)value);
	} else if (width == 2) {
		mmio_write16(at, 0, (uint16_t)value);
	} else {
		mmio_write32(at, 0, value);
	}
}
