/* SPDX-License-Identifier: MIT */
/*
 * What a domain may do to the configuration space of a function that it owns. Reads are open. A write reaches only the bits in
 * `writable`; other bits of the same register keep their value, a register with none is refused. BARs, MSI, MSI-X, power
 * management and PCI Express control are the hypervisor's. Spec: PCI 3.0, 6.2.2 and 6.2.3; docs/abi.md.
 */
#include "abi/errno.h"
#include "pci_internal.h"

struct writable {
	unsigned offset; /* of the dword */
	uint32_t plain; /* read-write bits */
	uint32_t clear; /* bits that a written 1 clears: written as 0 unless asked */
};

static const struct writable writable[] = {
	{ PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX, 0xf9000000u },
	{ PCI_CACHE_LINE, 0x0000ffffu, 0 }, /* cache line size, latency timer */
};

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
	unsigned shift = 8 * (offset & 3);
	uint32_t lanes = (0xffffffffu >> (32 - 8 * width)) << shift;
	for (unsigned i = 0; i < sizeof(writable) / sizeof(writable[0]); i++) {
		uint32_t plain = writable[i].plain & lanes, clear = writable[i].clear & lanes;
		if (writable[i].offset != (offset & ~3u) || !(plain | clear)) {
			continue;
		}
		uint32_t old = pci_read(f, offset & ~3u, 4);
		uint32_t merged = (old & ~writable[i].clear & ~plain) | (value << shift & (plain | clear));
		if (writable[i].offset == PCI_COMMAND && (f->msi_cap || f->msix_cap)) {
			merged |= PCI_COMMAND_NO_INTX; /* its interrupt is a message; a line shared with others is never raised */
		}
		pci_write(f, offset & ~3u, 4, merged);
		return 0;
	}
	return -EPERM;
}
