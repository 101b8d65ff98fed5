/* SPDX-License-Identifier: MIT */
/*
 * Fences: what is behind one (a group of hv/pci.h) is opened and blocked as a whole, by each ID that its functions'
 * requests can carry. The first fault that comes through an open fence closes it, in the same hold of the lock, so a
 * device that goes wild is told of once, and costs one interrupt.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "base/format.h"
#include "hv/log.h"
#include "iommu_internal.h"

#define FAULTS_AT_ONCE 512u

/* "domain ahci: 00:1f.0 and 00:1f.3 share the fence of 00:1f.2" */
static void fence_tell(const struct pci_function *f, const char *name)
{
	char text[256];
	unsigned at = 0;
	for (const struct pci_function *g = NULL; (g = pci_group_next(f, g)) && at < sizeof(text) - 1;) {
		if (g != f) {
			at += (unsigned)format_text(text + at, sizeof(text) - at, at ? " and " PCI_NAME : PCI_NAME, PCI_NAME_OF(g->bdf));
		}
	}
	if (at > 0) {
		log_line("domain %s: %s share%s the fence of " PCI_NAME, name, text, at > 7 ? "" : "s", PCI_NAME_OF(f->bdf));
	}
}

int iommu_fence_check(const struct pci_function *f, const struct domain *d, const char *name)
{
	static const char *const reasons[] = {
		[STANDING_UNKNOWN] = "the firmware puts no IOMMU in front of it",
		[STANDING_MEMORY] = "the firmware demands memory that it can always reach",
	};
	fence_tell(f, name);
	for (const struct pci_function *g = NULL; (g = pci_group_next(f, g));) {
		uint8_t standing = iommu_described.standing[g->bdf];
		bool busy = g->owner && g->owner != d;
		if (busy || standing != STANDING_TRANSLATED) {
			log_line("domain %s: " PCI_NAME " cannot be fenced: " PCI_NAME " behind its fence: %s", name, PCI_NAME_OF(f->bdf),
				 PCI_NAME_OF(g->bdf), busy ? "another domain owns it" : reasons[standing]);
			return busy ? -EBUSY : -EOPNOTSUPP;
		}
	}
	return 0;
}

/* The first error counts, but all are tried. */
static int fence_set(const struct pci_function *f, const struct iommu_domain *domain)
{
	int result = 0;
	for (struct pci_function *g = NULL; (g = pci_group_next(f, g));) {
		g->open = domain != NULL;
		int error = iommu->attach(g->bdf, domain);
		error = error || g->requester == g->bdf ? error : iommu->attach(g->requester, domain);
		result = result ? result : error;
	}
	return result;
}

int iommu_attach(struct pci_function *f, struct iommu_domain *domain)
{
	spin_lock(&iommu_lock);
	int error = fence_set(f, domain);
	if (error && domain) {
		(void)fence_set(f, NULL);
	}
	spin_unlock(&iommu_lock);
	return error;
}

/* Whose it is; NULL: nobody's, or blocked already. It is put down to a function of the owner's. */
static struct domain *fault_close(struct iommu_fault *fault)
{
	const struct pci_function *f = NULL;
	struct domain *owner = NULL;
	uint16_t id = fault->bdf;
	for (unsigned i = 0; i < pci_count() && !f; i++) {
		const struct pci_function *candidate = pci_at(i);
		f = candidate->open && (candidate->bdf == id || candidate->requester == id) ? candidate : NULL;
	}
	for (struct pci_function *g = NULL; f && (g = pci_group_next(f, g));) {
		if (g->owner) {
			fault->bdf = !owner || g->bdf == id ? g->bdf : fault->bdf;
			owner = g->owner;
			pci_bus_master(g, false);
		}
	}
	if (f && fence_set(f, NULL)) {
		log_line("iommu: it does not answer: " PCI_NAME " may still reach memory", PCI_NAME_OF(id));
	}
	return owner;
}

void iommu_faults_take(void)
{
	for (unsigned n = 0; n < FAULTS_AT_ONCE && iommu; n++) {
		struct iommu_fault fault;
		spin_lock(&iommu_lock);
		int error = iommu->fault_next(&fault);
		fault.owner = error ? NULL : fault_close(&fault);
		spin_unlock(&iommu_lock);
		if (error) {
			return;
		}
		if (fault.owner) {
			machine_iommu_fault(&fault);
		}
	}
}
