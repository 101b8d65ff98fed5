/* SPDX-License-Identifier: MIT */
/*
 * Configuration access through memory: each function has 4 KiB at base + (bus << 20 | device << 15 | function << 12) of its
 * segment's region. PCI Firmware Specification 3.2, 4.1.2 (MCFG). An access outside every region reads all ones, as on a bus.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "hv/acpi.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "pci_internal.h"

#define ECAM_MAX_REGIONS 4u

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
} __attribute__((packed));

static struct {
	void *at; /* of first_bus */
	uint16_t segment;
	uint8_t first_bus, last_bus;
} regions[ECAM_MAX_REGIONS];
static unsigned region_count;

static void region_add(const struct mcfg_entry *entry)
{
	if (entry->last_bus < entry->first_bus || region_count == ECAM_MAX_REGIONS) {
		log_line("pci: MCFG entry for segment %u, buses %u to %u is not usable", entry->segment, entry->first_bus, entry->last_bus);
		return;
	}
	uint64_t bytes = ((uint64_t)entry->last_bus - entry->first_bus + 1) << 20;
	void *at = mmio_map(HPA(entry->base + ((uint64_t)entry->first_bus << 20)), bytes);
	if (!at) {
		log_line("pci: no memory to map the configuration space of segment %u", entry->segment);
		return;
	}
	regions[region_count].at = at;
	regions[region_count].segment = entry->segment;
	regions[region_count].first_bus = entry->first_bus;
	regions[region_count++].last_bus = entry->last_bus;
}

int ecam_init(void)
{
	const size_t first = sizeof(struct acpi_header) + 8;
	const struct acpi_header *mcfg = acpi_table("MCFG", 0);
	for (size_t at = first; mcfg && at + sizeof(struct mcfg_entry) <= mcfg->length; at += sizeof(struct mcfg_entry)) {
		struct mcfg_entry entry;
		memcpy(&entry, (const char *)mcfg + at, sizeof(entry));
		region_add(&entry);
	}
	return region_count > 0 ? 0 : -ENODEV;
}

bool ecam_buses(unsigned index, uint16_t *segment, unsigned *first, unsigned *last)
{
	if (index >= region_count) {
		return false;
	}
	*segment = regions[index].segment;
	*first = regions[index].first_bus;
	*last = regions[index].last_bus;
	return true;
}

static void *function_space(const struct pci_function *f)
{
	unsigned bus = f->bdf >> 8;
	for (unsigned i = 0; i < region_count; i++) {
		if (regions[i].segment == f->segment && bus >= regions[i].first_bus && bus <= regions[i].last_bus) {
			return (char *)regions[i].at + ((uint64_t)(bus - regions[i].first_bus) << 20) + ((uint64_t)(f->bdf & 0xff) << 12);
		}
	}
	return NULL;
}

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned width)
{
	const void *space = function_space(f);
	if (!space || offset + width > PCI_CONFIG_SIZE) {
		return 0xffffffffu >> (32 - 8 * width);
	}
	return width == 1 ? mmio_read8(space, offset) : width == 2 ? mmio_read16(space, offset) : mmio_read32(space, offset);
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
	void *space = function_space(f);
	if (!space || offset + width > PCI_CONFIG_SIZE) {
		return;
	}
	if (width == 1) {
		mmio_write8(space, offset, (uint8_t)value);
	} else if (width == 2) {
		mmio_write16(space, offset, (uint16_t)value);
	} else {
		mmio_write32(space, offset, value);
	}
}
