/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs and the PIC: everything masked, but for the ISA interrupts of the hypervisor's own devices. The MADT says
 * where an ISA interrupt arrives, and with which polarity and trigger (ACPI 6.4, 5.2.12.5; registers: Intel 82093AA
 * data sheet, 3.2).
 */
#include "hv/ioapic.h"

#include "abi/errno.h"
#include "cpu_internal.h"
#include "madt.h"
#include "hv/mmio.h"
#include "hv/port.h"

#define IOREGSEL 0x00
#define IOWIN 0x10
#define IOAPIC_VERSION 1
#define IOAPIC_ENTRY 0x10 /* two registers each */
#define ENTRY_PLAIN 0xafffu /* vector, mode, polarity, trigger: what is not status */
#define ENTRY_LOW_ACTIVE (1u << 13)
#define ENTRY_MASKED (1u << 16)
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1

static ioapic_route_t remapped; /* NULL: entries go to local APICs as they are */

static void ioapic_write(void *registers, uint32_t reg, uint32_t value)
{
	mmio_write32(registers, IOREGSEL, reg);
	mmio_write32(registers, IOWIN, value);
}

static uint32_t ioapic_read(void *registers, uint32_t reg)
{
	mmio_write32(registers, IOREGSEL, reg);
	return mmio_read32(registers, IOWIN);
}

/* The registers (NULL: they cannot be mapped) and how many interrupts there are. */
static void *ioapic_open(const struct madt_ioapic *entry, uint32_t *count)
{
	void *registers = mmio_map(HPA(entry->address), PAGE_SIZE);
	*count = 0;
	if (registers) {
		*count = (ioapic_read(registers, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	}
	return registers;
}

void ioapic_init(void)
{
	const struct madt_ioapic *entry = NULL;
	/* Before the local APIC masks LINT0, while the PIC's request can still be taken back: QEMU 7.2 otherwise keeps
	 * a request that firmware left pending, and delivers it as vector -1 at the first STI. */
	port_write8(PIC_MASTER_DATA, 0xff);
	port_write8(PIC_SLAVE_DATA, 0xff);
	while ((entry = madt_next(entry, MADT_IOAPIC, sizeof(*entry)))) {
		uint32_t count;
		void *registers = ioapic_open(entry, &count);
		for (uint32_t i = 0; i < count; i++) {
			ioapic_write(registers, IOAPIC_ENTRY + 2 * i, ENTRY_MASKED);
		}
	}
}

/* An entry's upper half last: no interrupt is lost, and a masked one stays what it was, if it cannot be routed. */
static void entry_route(void *registers, const struct madt_ioapic *entry, uint32_t reg, uint32_t low, uint32_t apic_id)
{
	uint32_t high = apic_id << 24;
	if (remapped && remapped(entry->id, low, apic_id, &high) < 0) {
		low |= ENTRY_MASKED;
	}
	ioapic_write(registers, reg + 1, high);
	ioapic_write(registers, reg, low);
}

void ioapic_remap(ioapic_route_t route)
{
	const struct madt_ioapic *entry = NULL;
	remapped = route;
	while ((entry = madt_next(entry, MADT_IOAPIC, sizeof(*entry)))) {
		uint32_t count;
		void *registers = ioapic_open(entry, &count);
		for (uint32_t reg = IOAPIC_ENTRY; reg < IOAPIC_ENTRY + 2 * count; reg += 2) {
			uint32_t low = ioapic_read(registers, reg), apic_id = ioapic_read(registers, reg + 1) >> 24;
			if (!(low & ENTRY_MASKED)) {
				entry_route(registers, entry, reg, low & ENTRY_PLAIN, apic_id);
				lapic_ipi(apic_id, low & 0xff); /* an edge between the two would not come again */
			}
		}
	}
}

/* Flags: polarity in bits 1:0, trigger in bits 3:2; 0 is the bus's way, for ISA high and edge; 3 is low, level. */
static uint32_t entry_flags(uint16_t flags)
{
	return ((flags & 3) == 3 ? ENTRY_LOW_ACTIVE : 0) | ((flags >> 2 & 3) == 3 ? IOAPIC_LEVEL : 0);
}

int ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t cpu)
{
	uint32_t gsi = irq, flags = 0;
	const struct madt_override *override = NULL;
	while ((override = madt_next(override, MADT_OVERRIDE, sizeof(*override)))) {
		if (override->bus == 0 && override->irq == irq) {
			gsi = override->gsi;
			flags = entry_flags(override->flags);
		}
	}
	const struct madt_ioapic *entry = NULL;
	while ((entry = madt_next(entry, MADT_IOAPIC, sizeof(*entry)))) {
		uint32_t count, reg = IOAPIC_ENTRY + 2 * (gsi - entry->gsi);
		void *registers = ioapic_open(entry, &count);
		if (gsi - entry->gsi < count) {
			ioapic_write(registers, reg, ENTRY_MASKED);
			entry_route(registers, entry, reg, vector | flags, cpu_at(cpu)->apic_id);
			return 0;
		}
	}
	return -ENODEV;
}
