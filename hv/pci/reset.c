/* SPDX-License-Identifier: MIT */
/*
 * Function resets, the most thorough first: function-level reset (PCI Express 4.0, 6.6.2), D3hot to D0 where the
 * function says that it loses its state (PCI PM 1.2, 5.4), the device's own (AHCI 1.3.1, 10.4.3; 82540EM). Afterwards the
 * header is as before, with bus mastering and message interrupts off. Each wait ends at a TSC deadline. Nothing here
 * allocates: what must be mapped was mapped by pci_prepare at boot.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "pci_internal.h"

#define PCIE_DEVICE_CAP 4
#define PCIE_DEVICE_CAP_FLR (1u << 28)
#define PCIE_DEVICE_CONTROL 8
#define PCIE_DEVICE_CONTROL_FLR 0x8000u
#define PCIE_DEVICE_STATUS 10
#define PCIE_DEVICE_STATUS_PENDING 0x20u
#define PM_CONTROL 4
#define PM_CONTROL_STATE 0x3u
#define PM_CONTROL_NO_SOFT_RESET 0x8u
#define PM_D3HOT 0x3u

#define AHCI_BAR 5
#define AHCI_GHC 4
#define AHCI_GHC_HR 1u
#define AHCI_GHC_AE (1u << 31)
#define AHCI_PI 0x0c
#define AHCI_PORT(n) (0x100u + 0x80u * (n))
#define AHCI_PORT_CMD 0x18u
#define AHCI_PORT_CMD_ST 0x0001u
#define AHCI_PORT_CMD_FRE 0x0010u
#define AHCI_PORT_SACT 0x34u
#define AHCI_PORT_CI 0x38u

#define NIC_82540EM 0x100e8086u /* Intel; 8254x software developer's manual (317453), 13.4 */
#define NIC_CTRL 0x0000u
#define NIC_CTRL_RST (1u << 26)
#define NIC_RCTL 0x0100u
#define NIC_TCTL 0x0400u
#define NIC_US 10000u

#define FLR_US 100000u
#define PM_US 10000u
#define AHCI_US 1000000u
#define AHCI_IDLE_US 10000u

void pci_prepare(struct pci_function *f)
{
	bool ahci = f->class_code == PCI_CLASS_AHCI, nic = ((uint32_t)f->device << 16 | f->vendor) == NIC_82540EM;
	const struct pci_bar *bar = &f->bars[ahci ? AHCI_BAR : 0];
	if ((ahci || nic) && bar->at.value != 0 && bar->size >= AHCI_PORT(0) && bar->at.value % PAGE_SIZE == 0) {
		f->registers = mmio_map(bar->at, bar->size < AHCI_PORT(32) ? PAGE_SIZE : 2 * PAGE_SIZE);
	}
	f->messages = f->msix.size ? mmio_map(f->msix.at, f->msix.size) : NULL;
}

static void wait_us(uint64_t us)
{
	uint64_t end = tsc_read() + us_to_tsc(us);
	while (tsc_read() < end) {
		__asm__ volatile("pause");
	}
}

/* Wait until the byte at `offset` has none of `bits`. */
static int wait_config(const struct pci_function *f, unsigned offset, uint32_t bits, uint64_t us)
{
	uint64_t end = tsc_read() + us_to_tsc(us);
	while (pci_read(f, offset, 1) & bits) {
		if (tsc_read() > end) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* Transactions that stay pending do not hold the reset up: 6.6.2 lets software go on after its own time limit. */
static int flr(const struct pci_function *f)
{
	unsigned control = f->pcie_cap + PCIE_DEVICE_CONTROL;
	(void)wait_config(f, f->pcie_cap + PCIE_DEVICE_STATUS, PCIE_DEVICE_STATUS_PENDING, FLR_US);
	pci_write(f, control, 2, pci_read(f, control, 2) | PCIE_DEVICE_CONTROL_FLR);
	wait_us(FLR_US);
	return 0;
}

static int pm_reset(const struct pci_function *f)
{
	unsigned control = f->pm_cap + PM_CONTROL;
	uint32_t d0 = pci_read(f, control, 2) & ~PM_CONTROL_STATE;
	pci_write(f, control, 2, d0 | PM_D3HOT);
	wait_us(PM_US);
	pci_write(f, control, 2, d0);
	wait_us(PM_US);
	return wait_config(f, control, PM_CONTROL_STATE, PM_US);
}

/*
 * For the emulator's sake (QEMU 7.2). It has one buffer for accesses that the IOMMU blocks: a port whose command list
 * or FIS area is blocked holds it, a blocked request waits for it, and a controller reset would wait for the request
 * with the whole machine stopped. What is outstanding gets time to end; failing that, stopping the ports (10.1.2)
 * lets go of the buffer, and it gets time again.
 */
static void ahci_settle(const struct pci_function *f, bool stop)
{
	uint64_t end = tsc_read() + us_to_tsc(AHCI_IDLE_US);
	uint32_t implemented = mmio_read32(f->registers, AHCI_PI);
	for (unsigned n = 0; n < 32 && AHCI_PORT(n + 1) <= f->bars[AHCI_BAR].size; n++) {
		char *port = (char *)f->registers + AHCI_PORT(n);
		bool there = implemented >> n & 1;
		if (there && stop) {
			uint32_t command = mmio_read32(port, AHCI_PORT_CMD);
			mmio_write32(port, AHCI_PORT_CMD, command & ~(AHCI_PORT_CMD_ST | AHCI_PORT_CMD_FRE));
		}
		for (uint32_t outstanding = there; outstanding && tsc_read() < end;) {
			outstanding = mmio_read32(port, AHCI_PORT_CI) | mmio_read32(port, AHCI_PORT_SACT);
		}
	}
}

static int ahci_reset(const struct pci_function *f)
{
	uint64_t end = tsc_read() + us_to_tsc(AHCI_US);
	mmio_write32(f->registers, AHCI_GHC, AHCI_GHC_AE);
	ahci_settle(f, false);
	ahci_settle(f, true);
	ahci_settle(f, false);
	mmio_write32(f->registers, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_HR);
	while (mmio_read32(f->registers, AHCI_GHC) & AHCI_GHC_HR) {
		if (tsc_read() > end) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* To some emulators this reset means nothing, so the rings are stopped first. */
static int nic_reset(const struct pci_function *f)
{
	mmio_write32(f->registers, NIC_RCTL, 0);
	mmio_write32(f->registers, NIC_TCTL, 0);
	wait_us(NIC_US);
	mmio_write32(f->registers, NIC_CTRL, mmio_read32(f->registers, NIC_CTRL) | NIC_CTRL_RST);
	wait_us(NIC_US);
	return 0;
}

static const struct reset_method {
	const char *name;
	int (*run)(const struct pci_function *f);
} flr_method = { "function-level reset", flr }, pm_method = { "power state D3hot to D0", pm_reset },
  ahci_method = { "AHCI controller reset", ahci_reset }, nic_method = { "82540EM's own reset", nic_reset };

static const struct reset_method *method_of(const struct pci_function *f)
{
	if (f->pcie_cap && pci_read(f, f->pcie_cap + PCIE_DEVICE_CAP, 4) & PCIE_DEVICE_CAP_FLR) {
		return &flr_method;
	}
	if (f->pm_cap && !(pci_read(f, f->pm_cap + PM_CONTROL, 2) & PM_CONTROL_NO_SOFT_RESET)) {
		return &pm_method;
	}
	return !f->registers ? NULL : f->class_code == PCI_CLASS_AHCI ? &ahci_method : &nic_method;
}

const char *pci_reset_method(const struct pci_function *f)
{
	const struct reset_method *method = method_of(f);
	return method ? method->name : NULL;
}

#define HEADER_FIRST 0x0cu /* cache line size ... */
#define HEADER_END 0x40u /* ... interrupt line */

int pci_reset(struct pci_function *f)
{
	uint32_t header[HEADER_END / 4];
	const struct reset_method *method = method_of(f);
	if (!method) {
		return -ENODEV;
	}
	pci_bus_master(f, false);
	uint32_t command = pci_read(f, PCI_COMMAND, 2);
	for (unsigned at = HEADER_FIRST; at < HEADER_END; at += 4) {
		header[at / 4] = pci_read(f, at, 4);
	}
	pci_write(f, PCI_COMMAND, 2, command | PCI_COMMAND_MEMORY);
	int error = method->run(f);
	for (unsigned at = HEADER_FIRST; at < HEADER_END; at += 4) {
		pci_write(f, at, 4, header[at / 4]);
	}
	pci_write(f, PCI_COMMAND, 2, command);
	pci_msi_off(f);
	if (error < 0) {
		log_line("pci: %02x:%02x.%x: %s: timed out", f->bdf >> 8, f->bdf >> 3 & 31, f->bdf & 7, method->name);
	}
	return error;
}
