/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts (PCI 3.0, 6.8). Only the hypervisor programs them, so a domain's device raises the vector that was
 * given to it; with interrupt remapping, whatever the device itself writes to the interrupt range changes nothing about that.
 */
#include "abi/errno.h"
#include "hv/cpu.h"
#include "hv/iommu.h"
#include "hv/mmio.h"
#include "pci_internal.h"

#define MSI_CONTROL 2
#define MSI_CONTROL_ENABLE 0x0001u
#define MSI_CONTROL_MULTIPLE 0x0070u
#define MSI_CONTROL_64 0x0080u
#define MSI_CONTROL_MASKS 0x0100u
#define MSI_ADDRESS 4

#define MSIX_CONTROL 2
#define MSIX_CONTROL_SIZE 0x07ffu
#define MSIX_CONTROL_MASK_ALL 0x4000u
#define MSIX_CONTROL_ENABLE 0x8000u
#define MSIX_TABLE 4
#define MSIX_ENTRY_SIZE 16u
#define MSIX_ENTRY_MASKED 1u

#define LAPIC_MESSAGE_ADDRESS 0xfee00000u

static void msi_write(struct pci_function *f, uint64_t address, uint32_t data)
{
	unsigned cap = f->msi_cap;
	uint32_t control = pci_read(f, cap + MSI_CONTROL, 2) & ~(MSI_CONTROL_ENABLE | MSI_CONTROL_MULTIPLE);
	unsigned data_at = cap + MSI_ADDRESS + (control & MSI_CONTROL_64 ? 8 : 4);
	pci_write(f, cap + MSI_CONTROL, 2, control);
	pci_write(f, cap + MSI_ADDRESS, 4, (uint32_t)address);
	if (control & MSI_CONTROL_64) {
		pci_write(f, cap + MSI_ADDRESS + 4, 4, (uint32_t)(address >> 32));
	}
	pci_write(f, data_at, 2, data);
	if (control & MSI_CONTROL_MASKS) {
		pci_write(f, data_at + 4, 4, 0);
	}
	pci_write(f, cap + MSI_CONTROL, 2, control | MSI_CONTROL_ENABLE);
}

/* The table lies in a BAR: where, and how long it is, is the device's word, so it is checked against the BAR. */
void pci_msix_prepare(struct pci_function *f)
{
	if (!f->msix_cap) {
		return;
	}
	uint32_t where = pci_read(f, f->msix_cap + MSIX_TABLE, 4);
	unsigned bar = where & 7, count = (pci_read(f, f->msix_cap + MSIX_CONTROL, 2) & MSIX_CONTROL_SIZE) + 1;
	uint64_t offset = where & ~7u, bytes = (uint64_t)count * MSIX_ENTRY_SIZE;
	if (bar > 5 || f->bars[bar].at.value == 0 || offset + bytes > f->bars[bar].size) {
		return;
	}
	uint64_t at = f->bars[bar].at.value + offset, in_page = at & (PAGE_SIZE - 1);
	char *page = mmio_map(HPA(at - in_page), (in_page + bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
	if (page) {
		f->msix_table = page + in_page;
		f->msix_count = (uint16_t)count;
	}
}

static void msix_write(struct pci_function *f, unsigned index, bool on, uint64_t address, uint32_t data)
{
	void *entry = (char *)f->msix_table + index * MSIX_ENTRY_SIZE;
	uint32_t control = pci_read(f, f->msix_cap + MSIX_CONTROL, 2);
	pci_write(f, PCI_COMMAND, 2, pci_read(f, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
	mmio_write32(entry, 12, MSIX_ENTRY_MASKED);
	if (on) {
		mmio_write32(entry, 0, (uint32_t)address);
		mmio_write32(entry, 4, (uint32_t)(address >> 32));
		mmio_write32(entry, 8, data);
		mmio_write32(entry, 12, 0);
		pci_write(f, f->msix_cap + MSIX_CONTROL, 2, (control & ~MSIX_CONTROL_MASK_ALL) | MSIX_CONTROL_ENABLE);
	}
}

void pci_msi_off(struct pci_function *f)
{
	if (f->msi_cap) {
		pci_write(f, f->msi_cap + MSI_CONTROL, 2, pci_read(f, f->msi_cap + MSI_CONTROL, 2) & ~MSI_CONTROL_ENABLE);
	}
	if (f->msix_cap) {
		pci_write(f, f->msix_cap + MSIX_CONTROL, 2, pci_read(f, f->msix_cap + MSIX_CONTROL, 2) & ~MSIX_CONTROL_ENABLE);
	}
}

int pci_msi_set(struct pci_function *f, unsigned index, uint8_t vector, uint32_t cpu)
{
	uint64_t address = 0;
	uint32_t data = vector;
	if (!f->msi_cap && !f->msix_table) {
		return -ENODEV;
	}
	if (cpu >= cpu_count || index >= (f->msix_table ? f->msix_count : 1u)) {
		return -EINVAL;
	}
	uint32_t apic_id = cpu_at(cpu)->apic_id;
	pci_write(f, PCI_COMMAND, 2, pci_read(f, PCI_COMMAND, 2) | PCI_COMMAND_NO_INTX);
	if (iommu && iommu->msi_route) {
		int error = iommu->msi_route(f, index, vector, apic_id, &address, &data);
		if (error < 0) {
			return error;
		}
	} else {
		address = LAPIC_MESSAGE_ADDRESS | apic_id << 12;
	}
	if (f->msix_table) {
		msix_write(f, index, vector != 0, address, data);
	} else if (vector != 0) {
		msi_write(f, address, data);
	} else {
		pci_msi_off(f);
	}
	return 0;
}
