/* SPDX-License-Identifier: MIT */
/*
 * The capsule of a dead domain (abi/capsule.h): its memory is set aside when the domains are built, so that writing it
 * cannot fail, and written by the home processor of vCPU 0, page by page. Until the header is there it has no magic.
 * Of a domain's RAM it holds what lies below a module that is kept anyway, at most CAPSULE_RAM bytes, and the boot page.
 * Rings are copied as bytes: their places are what the front end wrote, checked against its RAM here.
 */
#include "base/string.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/window.h"

#define HEADER_PAGES ((sizeof(struct bh_capsule) + PAGE_SIZE - 1) / PAGE_SIZE)
#define CAPSULE_RAM (16ull << 20)
#define RINGS_BYTES (128ull << 10)

static uint64_t ram_bytes(const struct domain *d)
{
	uint64_t bytes = d->config->flags & BUNDLE_KEEP_MODULE ? d->module_gpa : d->config->memory;
	return bytes < CAPSULE_RAM ? bytes : CAPSULE_RAM;
}

void capsule_reserve(struct domain *d)
{
	struct capsule *c = &d->capsule;
	c->size = (HEADER_PAGES + 1 + BH_DOMAIN_PAGES) * PAGE_SIZE + ram_bytes(d) + RINGS_BYTES;
	c->header = pool_alloc(HEADER_PAGES + 1, 1);
	c->at = c->header ? pool_take_domain(c->size, PAGE_SIZE) : HPA(0);
	if (c->at.value == 0) {
		log_line("domain %s: there is no memory for its capsule", d->config->name);
	}
}

/* A part at gpa of the dead one, out of machine memory; left out where there is no room for it. */
static void part_add(struct capsule *c, uint64_t gpa, hpa_t from, uint64_t bytes)
{
	struct bh_capsule *h = c->header;
	char *page = (char *)h + HEADER_PAGES * PAGE_SIZE;
	if (h->part_count == BH_CAPSULE_PARTS || bytes > c->size - h->bytes) {
		return;
	}
	h->parts[h->part_count++] = (struct bh_capsule_part){ .gpa = gpa, .bytes = bytes, .offset = h->bytes };
	for (uint64_t done = 0, n; done < bytes; done += n, h->bytes += n) {
		n = bytes - done < PAGE_SIZE ? bytes - done : PAGE_SIZE;
		window_read(page, HPA(from.value + done), n);
		window_write(HPA(c->at.value + h->bytes), page, n);
	}
}

/* VIRTIO 1.2, 2.7: descriptors, the driver's area, the device's. */
static void rings_add(struct capsule *c, const struct link *l)
{
	for (unsigned i = 0; i < BH_MAX_QUEUES; i++) {
		struct bh_queue q = l->queues[i]; /* the front end may be changing it */
		const uint64_t at[] = { q.desc, q.driver, q.device };
		const uint64_t bytes[] = { 16ull * q.size, 6 + 2ull * q.size, 6 + 8ull * q.size };
		for (unsigned n = 0; n < 3 && q.ready; n++) {
			if (domain_has_ram(l->front, GPA(at[n]), bytes[n])) {
				part_add(c, BH_LINK_WINDOW(l->back_slot) + at[n], domain_ram(l->front, at[n]), bytes[n]);
			}
		}
	}
}

static void vcpu_fill(struct bh_capsule_vcpu *to, struct vcpu *v)
{
	memcpy(to->regs, &v->regs, sizeof(to->regs));
	memcpy(to->exits, v->exits, sizeof(to->exits));
	to->exit_count = v->entries;
	if (v->cpu == cpu_current()->index) {
		vmm->state(v, &to->state);
	}
}

static void header_fill(struct bh_capsule *h, const struct domain *d, const char *cause)
{
	memset(h, 0, sizeof(*h));
	h->version = BH_CAPSULE_VERSION;
	h->header_size = sizeof(*h);
	h->bytes = HEADER_PAGES * PAGE_SIZE;
	h->epoch = d->epoch;
	h->tsc_khz = tsc_khz;
	h->requested = d->recovery.requested;
	h->frozen = d->recovery.frozen;
	h->fenced = d->recovery.fenced;
	string_copy(h->domain, d->config->name, sizeof(h->domain));
	string_copy(h->cause, cause, sizeof(h->cause));
	string_copy(h->reason, d->request_reason, sizeof(h->reason));
	h->fault_count = d->capsule.fault_count;
	memcpy(h->faults, d->capsule.faults, sizeof(h->faults));
	for (; h->vcpu_count < d->vcpu_count; h->vcpu_count++) {
		vcpu_fill(&h->vcpus[h->vcpu_count], d->vcpus[h->vcpu_count]);
	}
}

void capsule_keep(struct domain *d, const char *cause)
{
	struct capsule *c = &d->capsule;
	struct bh_capsule *h = c->header;
	uint64_t start = tsc_read();
	if (c->at.value == 0) {
		return;
	}
	window_zero(c->at, sizeof(h->magic));
	header_fill(h, d, cause);
	part_add(c, 0, d->ram, ram_bytes(d));
	if (ram_bytes(d) <= d->boot_gpa) {
		part_add(c, d->boot_gpa, domain_ram(d, d->boot_gpa), PAGE_SIZE);
	}
	part_add(c, d->config->memory, pool_hpa(d->events), BH_DOMAIN_PAGES * PAGE_SIZE);
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		if (d->link_roles[slot] == BH_LINK_BACK) {
			rings_add(c, d->links[slot]);
		}
	}
	h->magic = BH_CAPSULE_MAGIC;
	window_write(HPA(c->at.value + sizeof(h->magic)), &h->version, sizeof(*h) - sizeof(h->magic));
	window_write(c->at, &h->magic, sizeof(h->magic));
	control_event("capsule domain=%s epoch=%u at=%lu bytes=%lu us=%lu", h->domain, h->epoch, c->at.value, h->bytes,
		      tsc_to_us(tsc_read() - start));
}

void capsule_fault(struct domain *d, const struct iommu_fault *fault)
{
	struct capsule *c = &d->capsule;
	c->faults[c->fault_count++ % BH_CAPSULE_FAULTS] = (struct bh_capsule_fault){ tsc_read(), fault->address, fault->bdf, fault->write };
}

uint64_t capsule_read(const struct domain *d, uint64_t offset, const struct domain *reader, uint64_t gpa, uint64_t bytes)
{
	char part[256];
	uint64_t done = 0, size = d->capsule.header ? d->capsule.header->bytes : 0;
	for (uint64_t n; done < bytes && offset + done < size; done += n) {
		n = bytes - done < sizeof(part) ? bytes - done : sizeof(part);
		n = n < size - offset - done ? n : size - offset - done;
		window_read(part, HPA(d->capsule.at.value + offset + done), n);
		(void)domain_write(reader, GPA(gpa + done), part, n);
	}
	return done;
}
