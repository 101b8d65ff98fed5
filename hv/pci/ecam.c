/* SPDX-License-Identifier: MIT */
/*
 * Configuration access through memory: each function has 4 KiB at base + (bus << 20 | device << 15 | function << 12).
 * PCI Firmware Specification 3.2, 4.1.2 (MCFG). Segment 0 only. Machines without an MCFG have 256 bytes of each function
 * behind two ports instead (PCI Local Bus 3.0, 3.2.2.3.2); what lies beyond reads as all ones there, as of no function.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/port.h"
#include "pci_internal.h"

#define MCFG_ENTRIES (sizeof(struct acpi_header) + 8)

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
} __attribute__((packed));

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE (1u << 31)
#define CONFIG_PORT_SIZE 256u

static char *space; /* from first_bus on; NULL: by the ports */
static unsigned first_bus;
static spinlock_t port_lock; /* the address is there until the data is read or written */

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
	*first = 0;
	*last = 255;
	port_write32(CONFIG_ADDRESS, CONFIG_ENABLE);
	return port_read32(CONFIG_ADDRESS) == CONFIG_ENABLE ? 0 : -ENODEV;
}

/* The scan found the function in here; offsets are ours, or checked by the filter. */
static void *register_at(const struct pci_function *f, unsigned offset, unsigned width)
{
	hv_assert(offset + width <= PCI_CONFIG_SIZE);
	return space + ((uint64_t)(f->bdf - (first_bus << 8)) << 12) + offset;
}

/* Locks the ports, of which this one is the register from now on. */
static uint16_t port_select(const struct pci_function *f, unsigned offset)
{
	spin_lock(&port_lock);
	port_write32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)f->bdf << 8 | (offset & ~3u));
	return (uint16_t)(CONFIG_DATA + offset % 4);
}

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned width)
{
	uint32_t value = UINT32_MAX;
	if (space) {
		const void *at = register_at(f, offset, width);
		value = width == 1 ? mmio_read8(at, 0) : width == 2 ? mmio_read16(at, 0) : mmio_read32(at, 0);
	} else if (offset < CONFIG_PORT_SIZE) {
		uint16_t port = port_select(f, offset);
		value = width == 1 ? port_read8(port) : width == 2 ? port_read16(port) : port_read32(port);
		spin_unlock(&port_lock);
	}
	return value;
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
	if (space) {
		void *at = register_at(f, offset, width);
		width == 1 ? mmio_write8(at, 0, (uint8_t)value) : width == 2 ? mmio_write16(at, 0, (uint16_t)value) : mmio_write32(at, 0, value);
	} else if (offset < CONFIG_PORT_SIZE) {
		uint16_t port = port_select(f, offset);
		width == 1 ? port_write8(port, (uint8_t)value) : width == 2 ? port_write16(port, (uint16_t)value) : port_write32(port, value);
		spin_unlock(&port_lock);
	}
}
