/* SPDX-License-Identifier: MIT */
/*
 * Building a domain, once, at boot. Guest-physical space: RAM from 0 (beyond 3 GiB: from 4 GiB), the domain page behind the low
 * RAM, the register files of its links at DOMAIN_MMIO (never mapped: they exit), BARs where they are, link windows from 256 GiB.
 */
#include "hv/domain.h"

#include <stdatomic.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/log.h"
#include "hv/pci.h"
#include "hv/pool.h"
#include "hv/window.h"

#define RAM_PIECE_MIN (16ull << 20)

uint64_t domain_memory(const struct domain *d)
{
	return d->ram[d->ram_count - 1].gpa + d->ram[d->ram_count - 1].bytes;
}

uint64_t domain_ram_piece(const struct domain *d, gpa_t gpa, uint64_t bytes, hpa_t *to)
{
	for (unsigned i = 0; i < d->ram_count; i++) {
		if (gpa.value >= d->ram[i].gpa && gpa.value - d->ram[i].gpa < d->ram[i].bytes) {
			uint64_t inside = gpa.value - d->ram[i].gpa, rest = d->ram[i].bytes - inside;
			*to = HPA(d->ram[i].hpa.value + inside);
			return bytes < rest ? bytes : rest;
		}
	}
	return 0;
}

int domain_read(const struct domain *d, gpa_t from, void *to, uint64_t bytes)
{
	for (uint64_t done = 0, n; done < bytes; done += n) {
		hpa_t at;
		n = domain_ram_piece(d, GPA(from.value + done), bytes - done, &at);
		if (n == 0) {
			return -EFAULT;
		}
		window_read((char *)to + done, at, n);
	}
	return 0;
}

int domain_write(const struct domain *d, gpa_t to, const void *from, uint64_t bytes)
{
	for (uint64_t done = 0, n; done < bytes; done += n) {
		hpa_t at;
		n = domain_ram_piece(d, GPA(to.value + done), bytes - done, &at);
		if (n == 0) {
			return -EFAULT;
		}
		window_write(at, (const char *)from + done, n);
	}
	return 0;
}

bool domain_has_ram(const struct domain *d, gpa_t gpa, uint64_t bytes)
{
	hpa_t at;
	for (uint64_t done = 0, n; done < bytes; done += n) {
		n = domain_ram_piece(d, GPA(gpa.value + done), bytes - done, &at);
		if (n == 0 || gpa.value + done + n < gpa.value + done) {
			return false;
		}
	}
	return true;
}

/* One piece where the machine has it; else halves, so that RAM on both sides of a hole can serve. */
static int take_range(struct domain *d, uint64_t gpa, uint64_t bytes)
{
	while (bytes > 0) {
		uint64_t piece = bytes;
		hpa_t at = HPA(0);
		while (piece > 0 && at.value == 0) {
			at = pool_take_domain(piece, piece >= PAGE_SIZE_1G ? PAGE_SIZE_1G : PAGE_SIZE_2M);
			if (at.value == 0 && piece >= PAGE_SIZE_1G) {
				at = pool_take_domain(piece, PAGE_SIZE_2M);
			}
			if (at.value == 0) {
				piece = piece / 2 & ~(PAGE_SIZE_2M - 1);
				piece = piece < RAM_PIECE_MIN ? 0 : piece;
			}
		}
		if (at.value == 0 || d->ram_count == DOMAIN_RAM_PIECES) {
			return -ENOMEM;
		}
		d->ram[d->ram_count].gpa = gpa;
		d->ram[d->ram_count].bytes = piece;
		d->ram[d->ram_count++].hpa = at;
		gpa += piece;
		bytes -= piece;
	}
	return 0;
}

static int build_ram(struct domain *d)
{
	uint64_t bytes = d->config->memory;
	uint64_t low = bytes < DOMAIN_LOW_MAX ? bytes : DOMAIN_LOW_MAX;
	int error = take_range(d, 0, low);
	if (!error && bytes > low) {
		error = take_range(d, DOMAIN_HIGH, bytes - low);
	}
	for (unsigned i = 0; !error && i < d->ram_count; i++) {
		error = paging_map(&d->npt, d->ram[i].gpa, d->ram[i].hpa, d->ram[i].bytes, MAP_READ | MAP_WRITE | MAP_EXEC);
		if (!error && d->has_device && iommu) {
			error = iommu_map(&d->iommu, d->ram[i].gpa, d->ram[i].hpa, d->ram[i].bytes, MAP_READ | MAP_WRITE);
		}
	}
	d->page_gpa = low;
	return error;
}

/* Without an IOMMU an unfenced domain's devices see machine addresses: it is told where its memory, and a front end's, lies. */
static bool sees_machine(const struct domain *d)
{
	return d->has_device && !iommu;
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
	d->page->vcpu_count = d->vcpu_count;
	d->page->tsc_khz = tsc_khz;
	d->page->dma_offset = sees_machine(d) ? d->ram[0].hpa.value : 0;
	d->page->wall_clock_ns = wall_clock_ns(&d->page->wall_clock_tsc);
	int error = paging_map(&d->npt, d->page_gpa, pool_hpa(pages), BH_DOMAIN_PAGE_OFFSET, MAP_READ | MAP_WRITE);
	if (!error) {
		error = paging_map(&d->npt, d->page_gpa + BH_DOMAIN_PAGE_OFFSET, pool_hpa(d->page),
				   (BH_DOMAIN_PAGES - 1) * PAGE_SIZE, MAP_READ);
	}
	return error;
}

/* vCPU i lives on the i-th processor of its mask, cyclically; on the boot processor if the machine has none of them. */
static uint32_t home_processor(const struct domain *d, unsigned index)
{
	uint64_t mask = d->config->cpu_mask & ((1ull << cpu_count) - 1);
	uint64_t left = mask;
	if (mask == 0) {
		return 0;
	}
	for (; index > 0; index--) {
		left &= left - 1;
		left = left ? left : mask;
	}
	return (uint32_t)__builtin_ctzll(left);
}

static int build_vcpu(struct domain *d, unsigned index)
{
	_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a page a vCPU");
	struct vcpu *v = pool_alloc(1, 1);
	if (!v) {
		return -ENOMEM;
	}
	v->domain = d;
	v->index = index;
	v->cpu = home_processor(d, index);
	v->pending = &d->events->pending[index];
	v->nested_root = pool_hpa(d->npt.root);
	v->context = context_alloc();
	d->vcpu[index] = v;
	return v->context ? vmm->vcpu_init(v) : -ENOMEM;
}

/* A page that holds registers of two functions cannot be given to one domain. */
static bool page_is_shared(const struct pci_function *f, uint64_t page)
{
	for (unsigned i = 0; i < pci_count(); i++) {
		const struct pci_function *other = pci_at(i);
		for (unsigned b = 0; other != f && b < 6; b++) {
			uint64_t at = other->bars[b].at.value;
			if (at && at < page + PAGE_SIZE && page < at + other->bars[b].size) {
				return true;
			}
		}
	}
	return false;
}

static int build_bar(struct domain *d, const struct pci_function *f, unsigned index, struct bh_bar *out, const char **why)
{
	uint64_t at = f->bars[index].at.value, size = f->bars[index].size;
	uint64_t first = at & ~(PAGE_SIZE - 1), end = (at + size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	hpa_t to;
	uint64_t other;
	unsigned prot;
	if (at == 0 || size == 0) {
		return 0;
	}
	if (page_is_shared(f, first) || page_is_shared(f, end - PAGE_SIZE)) {
		*why = "its device's registers share a page with another device's";
		return -EBUSY;
	}
	for (uint64_t page = first; page < end; page += PAGE_SIZE) {
		if (paging_lookup(&d->npt, page, &to, &prot, &other) == 0 || page >= BH_LINK_WINDOW(0)) {
			*why = "its device's registers lie where its memory is";
			return -EBUSY;
		}
	}
	*out = (struct bh_bar){ .gpa = at, .size = size };
	return paging_map(&d->npt, first, HPA(first), end - first, MAP_READ | MAP_WRITE | MAP_UNCACHED);
}

static void device_interrupt(void *arg)
{
	struct domain_device *device = arg;
	uint32_t event = atomic_load(&device->event);
	if (event) {
		event_raise(device->domain->vcpu[0], event);
	}
}

static int build_device(struct domain *d, unsigned index, const char **why)
{
	const struct bundle_device *wanted = &d->config->devices[index];
	struct pci_function *f = wanted->kind == BUNDLE_DEV_CLASS ? pci_find_class(wanted->value, wanted->index)
								   : pci_find((uint16_t)wanted->value);
	struct bh_device *page = &d->page->devices[index];
	if (!f) {
		*why = "its device is not in this machine";
		return -ENODEV;
	}
	if (f->owner) {
		*why = "its device belongs to another domain";
		return -EBUSY;
	}
	f->owner = d;
	d->devices[index].domain = d;
	d->devices[index].function = f;
	d->devices[index].vector = irq_vector_alloc(device_interrupt, &d->devices[index]);
	if (d->devices[index].vector == 0) {
		*why = "no interrupt vector is left for its device";
		return -ENOSPC;
	}
	*page = (struct bh_device){ .present = 1, .vendor = f->vendor, .device = f->device, .class_code = f->class_code, .bdf = f->bdf };
	int error = 0;
	for (unsigned b = 0; !error && b < 6; b++) {
		error = build_bar(d, f, b, &page->bars[b], why);
	}
	log_line("domain %s: device %02x:%02x.%x %04x:%04x class %06x, reset by %s", d->config->name, f->bdf >> 8, f->bdf >> 3 & 31,
		 f->bdf & 7, f->vendor, f->device, f->class_code, pci_reset_method(f) ? pci_reset_method(f) : "nothing known: if it dies it stays dead");
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
		int blocked = iommu ? iommu->attach(device->function, NULL) : 0;
		error = error ? error : blocked;
	}
	return error;
}

void domain_attach_devices(struct domain *d)
{
	for (unsigned i = 0; iommu && i < d->config->device_count; i++) {
		if (iommu->attach(d->devices[i].function, &d->iommu) != 0) {
			log_line("domain %s: its device stays blocked", d->config->name);
		}
	}
}

int domain_build(struct domain *d, const char **why)
{
	*why = "there is not enough memory for it";
	d->vcpu_count = d->config->vcpus;
	d->has_device = d->config->device_count > 0;
	int error = paging_init(&d->npt, vmm->format);
	d->npt.table_alloc = grant_table_alloc;
	if (!error && d->has_device && iommu) {
		error = iommu_domain_init(&d->iommu);
		d->iommu.paging.table_alloc = grant_table_alloc;
	}
	if (!error) {
		error = build_ram(d);
	}
	if (!error) {
		error = build_page(d);
	}
	for (unsigned i = 0; !error && i < d->vcpu_count; i++) {
		error = build_vcpu(d, i);
	}
	for (unsigned i = 0; !error && i < d->config->device_count; i++) {
		error = build_device(d, i, why);
	}
	return error;
}

int domain_attach_link(struct domain *d, struct link *l, uint32_t role, uint32_t *slot, const char **why)
{
	for (*slot = 0; *slot < BH_MAX_LINKS && d->links[*slot]; (*slot)++) {
	}
	if (*slot == BH_MAX_LINKS) {
		*why = "it has too many links";
		return -ENOSPC;
	}
	struct bh_link *page = &d->page->links[*slot];
	struct domain *peer = role == BH_LINK_FRONT ? l->back : l->front;
	if (role == BH_LINK_BACK && sees_machine(d) && l->front->ram_count > 1) {
		*why = "unfenced, it needs its front end's memory in one piece";
		return -ENOTSUP;
	}
	d->links[*slot] = l;
	d->link_roles[*slot] = role;
	page->mmio = role == BH_LINK_FRONT ? DOMAIN_MMIO + *slot * PAGE_SIZE : 0;
	page->window = role == BH_LINK_BACK ? BH_LINK_WINDOW(*slot) : 0;
	page->dma_window = role != BH_LINK_BACK ? 0 : sees_machine(d) ? l->front->ram[0].hpa.value : page->window;
	page->front_memory = role == BH_LINK_BACK ? domain_memory(l->front) : 0;
	string_copy(page->peer, peer->config->name, sizeof(page->peer));
	return 0;
}
