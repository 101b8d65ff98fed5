/* SPDX-License-Identifier: MIT */
/*
 * Groups: which functions the bus does not keep apart. Two are in one group if their requests can carry one ID (behind a
 * bridge to conventional PCI, which puts its own on them: PCI Express to PCI Bridge 1.0, 2.3; or by the firmware's
 * word), or if one can reach the other without passing the IOMMU: below a bridge or switch, or between the functions
 * of one device, where access control services do not forbid it (PCI Express 4.0, 6.12). A group stands for itself by
 * the smallest index in it.
 */
#include <stddef.h>

#include "pci_internal.h"

static void join(const struct pci_function *f, const struct pci_function *g)
{
	uint8_t low = f->group < g->group ? f->group : g->group, high = f->group ^ g->group ^ low;
	for (unsigned i = 0; i < pci_count(); i++) {
		struct pci_function *member = pci_at(i);
		member->group = member->group == high ? low : member->group;
	}
}

/* The bridge to a function's bus; NULL on a root bus. Its own bus has a smaller number. */
static const struct pci_function *bridge_above(const struct pci_function *f)
{
	for (unsigned i = 0; i < pci_count(); i++) {
		const struct pci_function *bridge = pci_at(i);
		if (bridge->secondary && bridge->secondary == f->bdf >> 8) {
			return bridge;
		}
	}
	return NULL;
}

static bool has_siblings(const struct pci_function *f)
{
	for (unsigned i = 0; i < pci_count(); i++) {
		if (pci_at(i) != f && pci_at(i)->bdf >> 3 == f->bdf >> 3) {
			return true;
		}
	}
	return false;
}

/* Do requests that enter at this function, or are its own, all go up to the IOMMU? */
static bool is_isolated(const struct pci_function *f)
{
	switch (f->port) {
	case PCI_PORT_ROOT:
	case PCI_PORT_DOWNSTREAM:
		return f->acs;
	case PCI_PORT_ENDPOINT:
	case PCI_PORT_LEGACY:
	case PCI_PORT_UPSTREAM:
	case PCI_PORT_INTEGRATED:
		return f->acs || !has_siblings(f);
	}
	return false; /* conventional PCI, and bridges from and to it */
}

/* With each bridge above it, up to the last that does not isolate. */
static void join_bridges(struct pci_function *f)
{
	const struct pci_function *last = NULL;
	for (const struct pci_function *b = bridge_above(f); b; b = bridge_above(b)) {
		last = is_isolated(b) ? last : b;
		if (b->port == PCI_PORT_TO_PCI) {
			f->requester = (uint16_t)(b->secondary << 8);
		} else if (b->port == PCI_PORT_FROM_PCI || b->port == PCI_PORT_CONVENTIONAL) {
			f->requester = b->bdf;
		}
	}
	for (const struct pci_function *b = f; last && b != last;) {
		b = bridge_above(b);
		join(f, b);
	}
}

void pci_groups_make(void)
{
	for (unsigned i = 0; i < pci_count(); i++) {
		struct pci_function *f = pci_at(i);
		if (f->port == PCI_PORT_TO_PCI && f->secondary) {
			f->requester = (uint16_t)(f->secondary << 8); /* it uses both IDs */
		}
		join_bridges(f);
		for (unsigned k = 0; k < i; k++) {
			const struct pci_function *g = pci_at(k);
			if (g->bdf >> 3 == f->bdf >> 3 && !is_isolated(f) && !is_isolated(g)) {
				join(f, g);
			}
		}
	}
}

void pci_group_alias(uint16_t id, uint16_t alias)
{
	struct pci_function *f = pci_find(id);
	for (unsigned i = 0; f && i < pci_count(); i++) {
		const struct pci_function *g = pci_at(i);
		f->requester = alias;
		if (g->bdf == alias || g->requester == alias) {
			join(f, g);
		}
	}
}

struct pci_function *pci_group_next(const struct pci_function *f, const struct pci_function *after)
{
	for (unsigned i = after ? after->index + 1u : 0; i < pci_count(); i++) {
		if (pci_at(i)->group == f->group) {
			return pci_at(i);
		}
	}
	return NULL;
}

bool pci_is_infrastructure(const struct pci_function *f)
{
	return f->class_code >> 16 == PCI_CLASS_BASE_BRIDGE || f->class_code == PCI_CLASS_IOMMU;
}
