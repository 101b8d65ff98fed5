/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts (PCI 3.0, 6.8). Only the hypervisor programs them (an MSI-X table is in no domain's memory), so a domain's device raises the
 * vector that was given to it; with interrupt remapping, whatever the device itself writes to the interrupt range
 * changes nothing about that.
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
#define MSI_ADDRESS 4
#define MSIX_CONTROL_ENABLE 0x8000u
#define MSIX_CONTROL_MASK 0x4000u
#define MSIX_DATA 8
#define MSIX_MASK 12

#define LAPIC_MESSAGE_ADDRESS 0xfee00000u

void pci_msi_off(struct pci_function *f)
{
	if (f->msi_cap) {
		uint32_t control = pci_read(f, f->msi_cap + MSI_CONTROL, 2);
		pci_write(f, f->msi_cap + MSI_CONTROL, 2, control & ~(MSI_CONTROL_ENABLE | MSI_CONTROL_MULTIPLE));
	}
	if (f->msix_cap) { /* masked, but left enabled: timers of QEMU 7.2's e1000e end the emulator if they find it disabled */
		pci_write(f, f->msix_cap + MSI_CONTROL, 2, pci_read(f, f->msix_cap + MSI_CONTROL, 2) | MSIX_CONTROL_MASK);
	}
}

static void msix_on(struct pci_function *f, unsigned index, uint64_t address, uint32_t data)
{
	char *entry = (char *)f->messages + PCI_MSIX_ENTRY * index;
	pci_write(f, PCI_COMMAND, 2, pci_read(f, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
	for (unsigned i = f->msix_count; i-- > 0;) {
		mmio_write32(f->messages, PCI_MSIX_ENTRY * i + MSIX_MASK, 1);
	}
	mmio_write32(entry, 0, (uint32_t)address);
	mmio_write32(entry, 4, (uint32_t)(address >> 32));
	mmio_write32(entry, MSIX_DATA, data);
	mmio_write32(entry, MSIX_MASK, 0);
	pci_write(f, f->msix_cap + MSI_CONTROL, 2, MSIX_CONTROL_ENABLE);
}

static void msi_on(struct pci_function *f, uint64_t address, uint32_t data)
{
	unsigned cap = f->msi_cap;
	uint32_t control = pci_read(f, cap + MSI_CONTROL, 2);
	pci_write(f, cap + MSI_ADDRESS, 4, (uint32_t)address);
	if (control & MSI_CONTROL_64) {
		pci_write(f, cap + MSI_ADDRESS + 4, 4, (uint32_t)(address >> 32));
	}
	pci_write(f, cap + MSI_ADDRESS + (control & MSI_CONTROL_64 ? 8 : 4), 2, data);
	pci_write(f, cap + MSI_CONTROL, 2, control | MSI_CONTROL_ENABLE);
}

int pci_msi_set(struct pci_function *f, unsigned index, uint8_t vector, uint32_t cpu)
{
	uint32_t data = vector;
	if (!f->msi_cap && !f->messages) {
		return -ENODEV;
	}
	if (cpu >= cpu_count || index >= (f->messages ? f->msix_count : 1)) {
		return -EINVAL;
	}
	uint32_t apic_id = cpu_at(cpu)->apic_id;
	uint64_t address = LAPIC_MESSAGE_ADDRESS | apic_id << 12;
	pci_write(f, PCI_COMMAND, 2, pci_read(f, PCI_COMMAND, 2) | PCI_COMMAND_NO_INTX);
	pci_msi_off(f);
	int error = iommu ? iommu_msi_route(f, 0, vector, apic_id, &address, &data) : 0;
	if (error == 0 && vector != 0) {
		f->messages ? msix_on(f, index, address, data) : msi_on(f, address, data);
	}
	return error;
}
