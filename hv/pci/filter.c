/* SPDX-License-Identifier: MIT */
/*
 * What a domain may do to the configuration space of a function that it owns. Reads are open. A write reaches only
 * the bits in the masks below; other bits of the same register keep their value, a register with none is refused.
 * BARs, messages, power management and PCI Express control are the hypervisor's. Spec: PCI 3.0, 6.2.2 and 6.2.3;
 * docs/abi.md.
 */
#include "abi/errno.h"
#include "pci_internal.h"

#define COMMAND_PLAIN (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX)
#define COMMAND_CLEAR 0xf9000000u /* status bits that a written 1 clears: written as 0 unless asked */
#define CACHE_LINE_PLAIN 0x0000ffffu /* cache line size, latency timer */

static bool access_valid(unsigned offset, unsigned width)
{
	return (width == 1 || width == 2 || width == 4) && offset < PCI_CONFIG_SIZE && offset % width == 0;
}

int pci_domain_read(const struct pci_function *f, unsigned offset, unsigned width, uint32_t *value)
{
	if (!access_valid(offset, width)) {
		return -EINVAL;
	}
	*value = pci_read(f, offset, width);
	return 0;
}

int pci_domain_write(struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
	if (!access_valid(offset, width)) {
		return -EINVAL;
	}
	unsigned dword = offset & ~3u, shift = 8 * (offset & 3);
	uint32_t lanes = (0xffffffffu >> (32 - 8 * width)) << shift;
	uint32_t plain = dword == PCI_COMMAND ? COMMAND_PLAIN : dword == PCI_CACHE_LINE ? CACHE_LINE_PLAIN : 0;
	uint32_t clear = dword == PCI_COMMAND ? COMMAND_CLEAR : 0;
	if (!((plain | clear) & lanes)) {
		return -EPERM;
	}
	uint32_t kept = pci_read(f, dword, 4) & ~clear & ~(plain & lanes);
	if (dword == PCI_COMMAND && (f->msi_cap || f->msix_cap)) {
		kept |= PCI_COMMAND_NO_INTX; /* its interrupt is a message; a line shared with others is never raised */
	}
	pci_write(f, dword, 4, kept | (value << shift & (plain | clear) & lanes));
	return 0;
}
