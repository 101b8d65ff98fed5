/* SPDX-License-Identifier: MIT */
/*
 * Configuration access through memory: each function has 4 KiB at base + (bus << 20 | device << 15 | function << 12). PCI Firmware
 * Specification 3.2, 4.1.2 (MCFG). Segment 0 only. An access outside the buses there reads all ones, as on a bus.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/acpi.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "pci_internal.h"

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
} __attribute__((packed));

static struct mcfg_entry region;
static char *space; /* of first_bus */

int ecam_init(unsigned *first_bus, unsigned *last_bus)
{
	const struct acpi_header *mcfg = acpi_table("MCFG", 0);
	for (size_t at = sizeof(*mcfg) + 8; mcfg && !space && at + sizeof(region) <= mcfg->length; at += sizeof(region)) {
		memcpy(&region, (const char *)mcfg + at, sizeof(region));
		if (region.segment == 0 && region.first_bus <= region.last_bus) {
			uint64_t start = (uint64_t)region.first_bus << 20, end = ((uint64_t)region.last_bus + 1) << 20;
			space = mmio_map(HPA(region.base + start), end - start);
		}
	}
	*first_bus = region.first_bus;
	*last_bus = region.last_bus;
	return space ? 0 : -ENODEV;
}

static void *register_at(const struct pci_function *f, unsigned offset, unsigned width)
{
	unsigned bus = f->bdf >> 8;
	if (!space || bus < region.first_bus || bus > region.last_bus || offset + width > PCI_CONFIG_SIZE) {
		return NULL;
	}
	return space + ((uint64_t)(f->bdf - (region.first_bus << 8)) << 12) + offset;
}

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned width)
{
	const void *at = register_at(f, offset, width);
	if (!at) {
		return 0xffffffffu >> (32 - 8 * width);
	}
	return width == 1 ? mmio_read8(at, 0) : width == 2 ? mmio_read16(at, 0) : mmio_read32(at, 0);
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
	void *at = register_at(f, offset, width);
	if (at && width == 1) {
		mmio_write8(at, 0, (uint8_t)value);
	} else if (at && width == 2) {
		mmio_write16(at, 0, (uint16_t)value);
	} else if (at) {
		mmio_write32(at, 0, value);
	}
}
