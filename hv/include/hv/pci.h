/* SPDX-License-Identifier: MIT */
/*
 * PCI: enumeration by ECAM (MCFG) or ports, configuration access, what a domain may touch, MSI, reset; and groups: the functions
 * that the bus does not keep apart, because their requests carry one ID, or because they reach each other without
 * passing an IOMMU.
 */
#ifndef HV_PCI_H
#define HV_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include "hv/addr.h"

struct pci_bar {
	hpa_t at; /* value 0: absent or I/O space */
	uint64_t size;
};

struct domain;
struct pci_function {
	uint16_t bdf, vendor, device;
	uint32_t class_code; /* 24 bits */
	struct pci_bar bars[6];
	uint8_t msi_cap, msix_cap, pm_cap, pcie_cap; /* offsets, 0: absent */
	struct pci_bar msix; /* whole pages of a BAR, with nothing but the table of messages: no domain's; size 0: MSI-X is not used */
	struct domain *owner; /* NULL: the hypervisor's or nobody's; bus mastering is off then */
	uint16_t msix_count; /* entries there */
	void *registers, *messages; /* mapped for the device's own reset, and msix, by pci_prepare; or NULL */
	uint8_t index; /* pci_at(index) is it */
	uint8_t port; /* PCI_PORT_* */
	bool acs; /* it has access control services, and they are on */
	uint8_t secondary, subordinate; /* a bridge's buses; 0: it is none */
	uint16_t requester; /* the ID that its requests carry: its own, or that of a bridge before it */
	uint8_t group; /* index of the first function of its group */
	bool open; /* its IDs lead through a domain's tables: the IOMMU's lock */
};

/* PCI Express device/port types (PCI Express 4.0, 7.5.3.2). */
enum {
	PCI_PORT_ENDPOINT = 0, PCI_PORT_LEGACY = 1, PCI_PORT_ROOT = 4, PCI_PORT_UPSTREAM = 5, PCI_PORT_DOWNSTREAM = 6,
	PCI_PORT_TO_PCI = 7, PCI_PORT_FROM_PCI = 8, PCI_PORT_INTEGRATED = 9, PCI_PORT_CONVENTIONAL = 0xff,
};

/* For a line of the log: "00:1f.2". */
#define PCI_NAME "%02x:%02x.%x"
#define PCI_NAME_OF(bdf) (bdf) >> 8, (bdf) >> 3 & 31, (bdf) & 7

int pci_init(void); /* -ENODEV: there is no configuration space */
unsigned pci_count(void);
struct pci_function *pci_at(unsigned index);
struct pci_function *pci_find(uint16_t bdf);
struct pci_function *pci_find_class(uint32_t class_code, unsigned index);

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned width);
void pci_write(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value);

/** The next function of f's group behind `after` (NULL: the first), or NULL. */
struct pci_function *pci_group_next(const struct pci_function *f, const struct pci_function *after);
/** The firmware says that the requests of these functions arrive under `alias`. Before any domain owns a function. */
void pci_group_alias(uint16_t first, uint16_t last, uint16_t alias);
/** Bridges of every kind, and the IOMMU's own function, no domain may own. */
bool pci_is_infrastructure(const struct pci_function *f);

/** A domain's access, filtered: reads are open (BARs as they are), writes pass only for the command register's
 *  memory, bus-master and INTx-disable bits, status, cache line size, latency, as docs/abi.md says. -EPERM, -EINVAL. */
int pci_domain_read(const struct pci_function *f, unsigned offset, unsigned width, uint32_t *value);
int pci_domain_write(struct pci_function *f, unsigned offset, unsigned width, uint32_t value);

/** Deliver the function's message `index`, by MSI-X where it can be used, else by MSI, which has one, as host `vector` on
 *  processor `cpu`, through interrupt remapping where the IOMMU has it; its other messages are masked. vector 0: off.
 *  -ENODEV with neither, -EINVAL: no such message. */
int pci_msi_set(struct pci_function *f, unsigned index, uint8_t vector, uint32_t cpu);
void pci_bus_master(struct pci_function *f, bool on);
/** Map what a later reset or interrupt needs, so that it allocates nothing. */
void pci_prepare(struct pci_function *f);
/** Reset the function: FLR, else D3hot to D0, else the device's own reset (AHCI GHC.HR, 82540EM). Afterwards bus mastering and
 *  messages are off. -ENODEV: no reset known, -ETIMEDOUT. */
int pci_reset(struct pci_function *f);
/** Which of these pci_reset would use, in words; NULL: none. */
const char *pci_reset_method(const struct pci_function *f);

#endif
