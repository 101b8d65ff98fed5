/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs and the PIC: everything masked, but for the ISA interrupts of the hypervisor's own devices. The MADT says where
 * an ISA interrupt arrives, and with which polarity and trigger (ACPI 6.4, 5.2.12.5; registers: Intel 82093AA data sheet, 3.2).
 */
#include "hv/ioapic.h"

#include "abi/errno.h"
#include "cpu_internal.h"
#include "madt.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/port.h"

#define IOAPICS_MAX 8
#define IOREGSEL 0x00
#define IOWIN 0x10
#define IOAPIC_VERSION 1
#define IOAPIC_ENTRY 0x10 /* two registers each */
#define ENTRY_LOW_ACTIVE (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1

struct ioapic {
	void *registers;
	uint32_t gsi, count;
};

static struct ioapic ioapics[IOAPICS_MAX];
static unsigned ioapic_count;

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t reg)
{
	mmio_write32(ioapic->registers, IOREGSEL, reg);
	return mmio_read32(ioapic->registers, IOWIN);
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
	mmio_write32(ioapic->registers, IOREGSEL, reg);
	mmio_write32(ioapic->registers, IOWIN, value);
}

static void ioapic_add(const struct madt_ioapic *entry)
{
	struct ioapic *ioapic = &ioapics[ioapic_count];
	if (ioapic_count == IOAPICS_MAX) {
		return;
	}
	ioapic->registers = mmio_map(HPA(entry->address), PAGE_SIZE);
	if (!ioapic->registers) {
		log_line("the I/O APIC at %x cannot be mapped", entry->address);
		return;
	}
	ioapic->gsi = entry->gsi;
	ioapic->count = (ioapic_read(ioapic, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (uint32_t i = 0; i < ioapic->count; i++) {
		ioapic_write(ioapic, IOAPIC_ENTRY + 2 * i, ENTRY_MASKED);
	}
	ioapic_count++;
}

/* Before the local APIC masks LINT0, while the PIC's request can still be taken back: QEMU 7.2 otherwise keeps a request that
 * firmware left pending, and delivers it as vector -1 at the first STI. */
void pic_mask(void)
{
	port_write8(PIC_MASTER_DATA, 0xff);
	port_write8(PIC_SLAVE_DATA, 0xff);
}

void ioapic_init(void)
{
	const void *entry = NULL;
	while ((entry = madt_next(entry, MADT_IOAPIC, sizeof(struct madt_ioapic)))) {
		ioapic_add(entry);
	}
}

/* Flags: polarity in bits 1:0, trigger in bits 3:2; 0 is the bus's way, which for ISA is high and edge; 3 is low, level. */
static uint32_t entry_flags(uint16_t flags)
{
	return ((flags & 3) == 3 ? ENTRY_LOW_ACTIVE : 0) | ((flags >> 2 & 3) == 3 ? ENTRY_LEVEL : 0);
}

int ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t cpu)
{
	uint32_t gsi = irq, flags = 0;
	const struct madt_override *entry = NULL;
	while ((entry = madt_next(entry, MADT_OVERRIDE, sizeof(*entry)))) {
		if (entry->bus == 0 && entry->irq == irq) {
			gsi = entry->gsi;
			flags = entry_flags(entry->flags);
		}
	}
	for (unsigned i = 0; i < ioapic_count && cpu < cpu_count; i++) {
		const struct ioapic *ioapic = &ioapics[i];
		if (gsi - ioapic->gsi < ioapic->count) {
			uint32_t reg = IOAPIC_ENTRY + 2 * (gsi - ioapic->gsi);
			ioapic_write(ioapic, reg, ENTRY_MASKED);
			ioapic_write(ioapic, reg + 1, cpu_at(cpu)->apic_id << 24);
			ioapic_write(ioapic, reg, vector | flags);
			return 0;
		}
	}
	return -ENODEV;
}
