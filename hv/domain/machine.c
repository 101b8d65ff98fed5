/* SPDX-License-Identifier: MIT */
/*
 * From a machine to running domains: preflight, which says in plain words what was found and what is missing; the build
 * of all domains and links; the start. Whatever cannot be made safe is refused before any guest runs.
 */
#include <stddef.h>
#include <stdarg.h>

#include "base/format.h"
#include "hv/acpi.h"
#include "hv/boot.h"
#include "hv/bundle.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pci.h"
#include "hv/pool.h"

spinlock_t machine_lock;
struct domain *machine_domains[BUNDLE_MAX_DOMAINS];
unsigned machine_domain_count;
struct domain *machine_main;
struct link machine_links[BUNDLE_MAX_LINKS];
unsigned machine_link_count;

void machine_refuse(const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	format_text_va(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_line("refused: %s", text);
	control_event("refused reason=%s", text);
	acpi_power_off();
}

void machine_panic(const struct domain *d, const char *reason)
{
	log_line("domain %s, the main one, is lost: %s", d->config->name, reason);
	control_event("panic domain=%s reason=%s", d->config->name, reason);
	acpi_power_off();
}

static const struct bundle_header *preflight(void)
{
	const char *why = "there is not enough memory for the processors";
	if (vmm_init(&why) != 0) {
		machine_refuse("%s", why);
	}
	if (pci_init() != 0) {
		log_line("preflight: no PCI configuration space (neither ACPI MCFG nor ports): no devices for domains");
	}
	log_line("preflight: %s with %s, %u processors, %u PCI functions", vmm->name, vmm->nested, cpu_count, pci_count());
	if (iommu_init(&why) != 0) {
		log_line("preflight: no IOMMU: %s", why);
	}
	if (!boot_info.bundle) {
		machine_refuse("no bundle was given (the boot loader's module)");
	}
	if (bundle_check(boot_info.bundle, boot_info.bundle_size, &why) != 0) {
		machine_refuse("the bundle cannot be used: %s", why);
	}
	return boot_info.bundle;
}

static void build_domain(const struct bundle_header *h, unsigned index)
{
	const struct bundle_domain *config = &h->domains[index];
	const char *why = NULL;
	struct domain *d = pool_alloc((sizeof(*d) + PAGE_SIZE - 1) / PAGE_SIZE, 1);
	if (!d) {
		machine_refuse("domain %s: there is not enough memory for it", config->name);
	}
	d->config = config;
	d->id = index;
	d->main = config->flags & BUNDLE_MAIN;
	d->image = &h->images[config->image];
	d->image_data = (const char *)h + d->image->offset;
	if (config->module != UINT32_MAX) {
		d->module = (const char *)h + h->images[config->module].offset;
		d->module_size = h->images[config->module].size;
	}
	if (loader_check(d, &why) != 0 || domain_build(d, &why) != 0) {
		machine_refuse("domain %s: %s", config->name, why);
	}
	machine_domains[machine_domain_count++] = d;
	machine_main = d->main ? d : machine_main;
}

static void build_link(const struct bundle_link *config)
{
	struct link *l = &machine_links[machine_link_count++];
	l->kind = config->kind;
	l->front = machine_domains[config->front];
	l->back = machine_domains[config->back];
	l->front_slot = domain_attach_link(l->front, l, BH_LINK_FRONT);
	l->back_slot = domain_attach_link(l->back, l, BH_LINK_BACK);
	if (l->back->fenced && BH_LINK_WINDOW(l->back_slot) + l->front->config->memory > iommu_reach()) {
		machine_refuse("link of %s and %s: the IOMMU's tables do not reach so far", l->front->config->name, l->back->config->name);
	}
	if (grant_reserve(l) != 0) {
		machine_refuse("link of %s and %s: there is not enough memory for its grants", l->front->config->name, l->back->config->name);
	}
	link_publish_both(l);
}

_Noreturn void machine_start(void)
{
	const struct bundle_header *h = preflight();
	context_init();
	for (unsigned i = 0; i < h->domain_count; i++) {
		build_domain(h, i);
	}
	for (unsigned i = 0; i < h->link_count; i++) {
		build_link(&h->links[i]);
	}
	for (unsigned i = 0; i < machine_domain_count; i++) {
		if (!machine_domains[i]->main) {
			capsule_reserve(machine_domains[i]);
		}
	}
	for (unsigned i = 0; i < machine_domain_count; i++) {
		struct domain *d = machine_domains[i];
		recover_start(d);
		for (unsigned n = 0; n < d->vcpu_count; n++) {
			sched_add(d->vcpus[n]);
		}
		log_line("domain %s: %lu MiB, %u vCPU, processor %u, priority %u", d->config->name, d->config->memory >> 20, d->vcpu_count, d->vcpus[0]->cpu,
			 d->config->priority);
	}
	control_event("ready");
	cpu_release_all();
	sched_run();
}
