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

/* Functions of one device, or ports of one switch. */
static bool are_peers(const struct pci_function *f, const struct pci_function *g)
{
	bool ports = f->port == PCI_PORT_DOWNSTREAM && g->port == PCI_PORT_DOWNSTREAM;
	return f != g && (f->bdf >> 3 == g->bdf >> 3 || (ports && f->bdf >> 8 == g->bdf >> 8));
}

/* Can requests reach it, and what is below it, beside the IOMMU? By a bridge that does not send them up (a switch's upper
 * end has no other way), or from a peer: its own services do not keep a peer's out. */
static bool is_exposed(const struct pci_function *f)
{
	bool exposed = f->secondary && f->port != PCI_PORT_UPSTREAM && (!f->acs || f->port >= PCI_PORT_TO_PCI);
	for (unsigned i = 0; i < pci_count(); i++) {
		exposed |= are_peers(f, pci_at(i)) && !(f->acs && pci_at(i)->acs);
	}
	return exposed;
}

/* With each bridge above it, up to the last that is exposed. */
static void join_bridges(struct pci_function *f)
{
	const struct pci_function *last = NULL;
	for (const struct pci_function *b = bridge_above(f); b; b = bridge_above(b)) {
		last = is_exposed(b) ? b : last;
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
			if (are_peers(f, pci_at(k)) && is_exposed(f)) {
				join(f, pci_at(k));
			}
		}
	}
}

void pci_group_alias(uint16_t first, uint16_t last, uint16_t alias)
{
	for (unsigned i = 0; i < pci_count(); i++) {
		struct pci_function *f = pci_at(i);
		bool here = f->bdf >= first && f->bdf <= last;
		f->requester = here ? alias : f->requester;
		for (unsigned k = 0; here && k < pci_count(); k++) {
			if (pci_at(k)->bdf == alias || pci_at(k)->requester == alias) {
				join(f, pci_at(k));
			}
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
