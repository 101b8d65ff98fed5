/* SPDX-License-Identifier: MIT */
/*
 * Building a domain, once, at boot. Guest-physical space: RAM from 0, in the machine one contiguous block; behind it the
 * domain page and the register files of its links (never mapped: they exit); BARs where they are; link windows from
 * 256 GiB.
 */
#include "hv/domain.h"

#include <stdatomic.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/pci.h"
#include "hv/pool.h"
#include "hv/window.h"

bool domain_has_ram(const struct domain *d, gpa_t gpa, uint64_t bytes)
{
	return bytes <= d->config->memory && gpa.value <= d->config->memory - bytes;
}

int domain_read(const struct domain *d, gpa_t from, void *to, uint64_t bytes)
{
	if (!domain_has_ram(d, from, bytes)) {
		return -EFAULT;
	}
	window_read(to, domain_ram(d, from.value), bytes);
	return 0;
}

int domain_write(const struct domain *d, gpa_t to, const void *from, uint64_t bytes)
{
	if (!domain_has_ram(d, to, bytes)) {
		return -EFAULT;
	}
	window_write(domain_ram(d, to.value), from, bytes);
	return 0;
}

static int build_ram(struct domain *d)
{
	uint64_t bytes = d->config->memory;
	d->ram = bytes >= PAGE_SIZE_1G ? pool_take_domain(bytes, PAGE_SIZE_1G) : HPA(0);
	d->ram = d->ram.value ? d->ram : pool_take_domain(bytes, PAGE_SIZE_2M);
	int error = d->ram.value ? paging_map(&d->nested, 0, d->ram, bytes, MAP_READ | MAP_WRITE | MAP_EXEC) : -ENOMEM;
	return error || !d->fenced ? error : iommu_map(&d->iommu, 0, d->ram, bytes, MAP_READ | MAP_WRITE);
}

/* Without an IOMMU an unfenced domain's devices see machine addresses: it is told where its memory, and a front
 * end's, lies. */
static bool sees_machine(const struct domain *d)
{
	return d->config->device_count > 0 && !d->fenced;
}

static int build_page(struct domain *d)
{
	uint8_t *pages = pool_alloc(BH_DOMAIN_PAGES, 1);
	if (!pages) {
		return -ENOMEM;
	}
	d->events = (struct bh_event_page *)pages;
	d->page = (struct bh_domain_page *)(pages + BH_DOMAIN_PAGE_OFFSET);
	d->page->abi_version = BH_ABI_VERSION;
	d->page->domain_id = d->id;
	string_copy(d->page->name, d->config->name, sizeof(d->page->name));
	d->page->vcpu_count = d->config->vcpus;
	d->page->tsc_khz = tsc_khz;
	d->page->dma_offset = sees_machine(d) ? d->ram.value : 0;
	d->page->wall_clock_ns = wall_clock_ns(&d->page->wall_clock_tsc);
	uint64_t at = d->config->memory;
	int error = paging_map(&d->nested, at, pool_hpa(pages), BH_DOMAIN_PAGE_OFFSET, MAP_READ | MAP_WRITE);
	return error ? error : paging_map(&d->nested, at + BH_DOMAIN_PAGE_OFFSET, pool_hpa(d->page),
					  (BH_DOMAIN_PAGES - 1) * PAGE_SIZE, MAP_READ);
}

/* The home processor of vCPU n: of those in the mask that the machine has one after the other; else of all. */
static uint32_t home(uint64_t mask, unsigned n)
{
	uint64_t all = (1ull << cpu_count) - 1, homes = mask & all ? mask & all : all, left = homes;
	for (; n; n--) {
		left &= left - 1;
		left = left ? left : homes;
	}
	return (uint32_t)__builtin_ctzll(left);
}

static int build_vcpu(struct domain *d, unsigned n)
{
	_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a page a vCPU");
	struct vcpu *v = pool_alloc(1, 1);
	if (!v) {
		return -ENOMEM;
	}
	v->domain = d;
	v->id = n;
	v->cpu = home(d->config->cpu_mask, n);
	v->pending = &d->events->pending[n];
	v->nested_root = pool_hpa(d->nested.root);
	v->context = context_alloc();
	v->apic = pool_alloc(1, 1);
	d->vcpus[d->vcpu_count++] = v;
	return v->context && v->apic ? vmm->vcpu_init(v) : -ENOMEM;
}

/* Pages that hold registers of two functions, or what is the hypervisor's, cannot be given to one domain. A device says itself
 * where its registers are, and is not believed. */
static bool are_shared(const struct pci_function *f, uint64_t first, uint64_t end)
{
	for (unsigned i = 0; i < pci_count(); i++) {
		const struct pci_function *other = pci_at(i);
		for (unsigned b = 0; other != f && b < 6; b++) {
			uint64_t at = other->bars[b].at.value;
			if (at && at < end && first < at + other->bars[b].size) {
				return true;
			}
		}
	}
	return host_has(first, end);
}

static int bar_map(struct domain *d, uint64_t first, uint64_t end)
{
	return first < end ? paging_map(&d->nested, first, HPA(first), end - first, MAP_READ | MAP_WRITE | MAP_UNCACHED) : 0;
}

/* All of it but the table of messages. */
static int build_bar(struct domain *d, const struct pci_function *f, unsigned index, struct bh_bar *out, const char **why)
{
	uint64_t at = f->bars[index].at.value, size = f->bars[index].size;
	uint64_t first = page_down(at), end = page_up(at + size);
	if (at == 0 || size == 0) {
		return 0;
	}
	if (end <= first || first < domain_registers(d, BH_MAX_LINKS) || end > BH_LINK_WINDOW(0)) {
		*why = "its device's registers lie where its memory is";
		return -EBUSY;
	}
	if (are_shared(f, first, end)) {
		*why = "its device's registers share a page with another device's, or with what is the hypervisor's";
		return -EBUSY;
	}
	*out = (struct bh_bar){ .gpa = at, .size = size };
	bool has_hole = f->msix.size && f->msix.at.value >= first && f->msix.at.value < end;
	uint64_t hole = has_hole ? f->msix.at.value : end, behind = has_hole ? hole + f->msix.size : end;
	int error = bar_map(d, first, hole);
	return error ? error : bar_map(d, behind, end);
}

static void device_interrupt(void *arg)
{
	struct domain_device *device = arg;
	uint32_t event = atomic_load(&device->event);
	if (event) {
		event_raise(device->domain->vcpus[0], event);
	}
}

/* Find its devices and block them: fenced is what can be blocked. */
static int claim_devices(struct domain *d, const char **why)
{
	d->fenced = iommu && d->config->device_count > 0;
	for (unsigned i = 0; i < d->config->device_count; i++) {
		const struct bundle_device *wanted = &d->config->devices[i];
		bool by_class = wanted->kind == BUNDLE_DEV_CLASS;
		struct pci_function *f = by_class ? pci_find_class(wanted->value, wanted->index) : pci_find((uint16_t)wanted->value);
		if (!f || f->owner || pci_is_infrastructure(f)) {
			*why = !f ? "its device is not in this machine" : f->owner ? "its device belongs to another domain" :
			       "its device is a bridge or the IOMMU";
			return -ENODEV;
		}
		int standing = iommu ? iommu_fence_check(f, d, d->config->name) : 0;
		if (standing == -EBUSY) {
			*why = "its device shares a fence with another domain's: give both to one";
			return -EBUSY;
		}
		f->owner = d;
		d->devices[i].domain = d;
		d->devices[i].function = f;
		d->fenced = d->fenced && standing == 0 && iommu_attach(f, NULL) == 0;
	}
	if (sees_machine(d) && !(d->config->flags & BUNDLE_UNFENCED)) {
		*why = "it has a device, and no IOMMU of this machine fences it (unfenced = yes would allow it)";
		return -ENOTSUP;
	}
	return d->fenced ? iommu_domain_init(&d->iommu) : 0;
}

static int build_device(struct domain *d, unsigned index, const char **why)
{
	struct domain_device *device = &d->devices[index];
	struct pci_function *f = device->function;
	struct bh_device *page = &d->page->devices[index];
	int error = 0;
	device->vector = irq_vector_alloc(device_interrupt, device);
	if (device->vector == 0) {
		*why = "no interrupt vector is left for its device";
		return -ENOSPC;
	}
	page->present = 1;
	page->vendor = f->vendor;
	page->device = f->device;
	page->class_code = f->class_code;
	page->bdf = f->bdf;
	for (unsigned b = 0; !error && b < 6; b++) {
		error = build_bar(d, f, b, &page->bars[b], why);
	}
	if (!error) {
		pci_prepare(f);
	}
	const char *reset = pci_reset_method(f);
	log_line("domain %s: device " PCI_NAME " %04x:%04x class %06x, %sreset by %s", d->config->name, PCI_NAME_OF(f->bdf),
		 f->vendor, f->device, f->class_code, sees_machine(d) ? "unfenced, " : "",
		 reset ? reset : "nothing known: if it dies it stays dead");
	return error;
}

int domain_detach_devices(struct domain *d)
{
	int error = 0;
	for (unsigned i = 0; i < d->config->device_count; i++) {
		struct domain_device *device = &d->devices[i];
		atomic_store(&device->event, 0);
		(void)pci_msi_set(device->function, 0, 0, 0);
		if (!(d->config->flags & BUNDLE_TEST_NO_RESET)) {
			pci_bus_master(device->function, false);
		}
		int blocked = d->fenced ? iommu_attach(device->function, NULL) : 0;
		error = error ? error : blocked;
	}
	return error;
}

void domain_attach_devices(struct domain *d)
{
	for (unsigned i = 0; d->fenced && i < d->config->device_count; i++) {
		if (iommu_attach(d->devices[i].function, &d->iommu) != 0) {
			log_line("domain %s: its device stays blocked", d->config->name);
		}
	}
}

int domain_build(struct domain *d, const char **why)
{
	*why = "there is not enough memory for it";
	int error = paging_init(&d->nested, vmm->format);
	error = error ? error : claim_devices(d, why);
	d->nested.table_alloc = d->iommu.paging.table_alloc = grant_table_alloc;
	error = error ? error : build_ram(d);
	error = error ? error : build_page(d);
	for (unsigned i = 0; !error && i < d->config->vcpus; i++) {
		error = build_vcpu(d, i);
	}
	for (unsigned i = 0; !error && i < d->config->device_count; i++) {
		error = build_device(d, i, why);
	}
	return error;
}

uint32_t domain_attach_link(struct domain *d, struct link *l, uint32_t role)
{
	uint32_t slot = 0;
	while (slot < BH_MAX_LINKS && d->links[slot]) {
		slot++;
	}
	hv_assert(slot < BH_MAX_LINKS); /* bundle_check saw to it */
	struct bh_link *page = &d->page->links[slot];
	d->links[slot] = l;
	d->signals |= 1ull << (BH_EVENT_LINK + slot);
	d->link_roles[slot] = role;
	if (role == BH_LINK_FRONT) {
		page->mmio = domain_registers(d, slot);
	} else {
		page->window = BH_LINK_WINDOW(slot);
		page->dma_window = sees_machine(d) ? l->front->ram.value : page->window;
		page->front_memory = l->front->config->memory;
	}
	string_copy(page->peer, (role == BH_LINK_FRONT ? l->back : l->front)->config->name, sizeof(page->peer));
	return slot;
}
