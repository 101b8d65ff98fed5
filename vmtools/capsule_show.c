/* SPDX-License-Identifier: MIT */
/*
 * A capsule in text: what happened, where the processors stood, what the links were at. A request is in flight when the driver made it
 * available and the device has not used it: the two indices stand in the rings (VIRTIO 1.2, 2.7.6, 2.7.8), whose bytes the capsule has.
 */
#include <inttypes.h>
#include <string.h>

#include "abi/virtio.h"
#include "capsule.h"

#define QUEUE_SIZE_MAX 1024
#define IN_FLIGHT_SHOWN 32

static void show_registers(const struct bh_capsule_vcpu *v, FILE *out)
{
	static const char *const names[18] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
					       "r14", "r15", "rip", "rflags" };
	for (unsigned i = 0; i < 18; i++) {
		fprintf(out, "%s%-6s %016" PRIx64, i % 4 == 0 ? "\n  " : "  ", names[i], v->regs[i]);
	}
	fprintf(out, "\n  cr0 %" PRIx64 "  cr2 %" PRIx64 "  cr3 %" PRIx64 "  cr4 %" PRIx64 "  efer %" PRIx64 "  cs %x  ss %x\n", v->state.cr0,
		v->state.cr2, v->state.cr3, v->state.cr4, v->state.efer, v->state.cs, v->state.ss);
}

static const char *exit_name(uint32_t reason)
{
	static const char *const names[BH_EXIT_COUNT] = { "interrupt", "hypercall", "mmio", "io", "msr", "cpuid", "hlt", "window", "page-fault",
							  "other" };
	return reason < BH_EXIT_COUNT ? names[reason] : "unknown";
}

static double before_us(const struct bh_capsule *h, uint64_t tsc)
{
	return (double)(h->requested > tsc ? h->requested - tsc : 0) * 1000 / (double)h->tsc_khz;
}

/* Oldest first. */
static void show_exits(const struct bh_capsule *h, const struct bh_capsule_vcpu *v, FILE *out)
{
	uint32_t known = v->exit_count < BH_CAPSULE_EXITS ? v->exit_count : BH_CAPSULE_EXITS;
	fprintf(out, "  %" PRIu32 " exits, the last ones:\n", v->exit_count);
	for (uint32_t i = v->exit_count - known; i != v->exit_count; i++) {
		const struct bh_capsule_exit *e = &v->exits[i % BH_CAPSULE_EXITS];
		fprintf(out, "    %12.1f us before death at %" PRIx64 ": %s", before_us(h, e->tsc), e->rip, exit_name(e->reason));
		fprintf(out, e->reason == BH_EXIT_HYPERCALL ? " %" PRIu32 "\n" : "\n", e->call);
	}
}

static void show_faults(const struct bh_capsule *h, FILE *out)
{
	uint64_t known = h->fault_count < BH_CAPSULE_FAULTS ? h->fault_count : BH_CAPSULE_FAULTS;
	fprintf(out, "IOMMU faults: %" PRIu64 "\n", h->fault_count);
	for (uint64_t i = h->fault_count - known; i != h->fault_count; i++) {
		const struct bh_capsule_fault *f = &h->faults[i % BH_CAPSULE_FAULTS];
		fprintf(out, "  %02x:%02x.%x %s of %" PRIx64 "\n", f->bdf >> 8, f->bdf >> 3 & 31, f->bdf & 7, f->write ? "write" : "read", f->address);
	}
}

/* The heads of the descriptor chains that are in flight, in their order. */
static void show_in_flight(const struct capsule *c, const struct bh_queue *q, uint64_t window, uint16_t used, uint16_t available, FILE *out)
{
	unsigned shown = 0;
	for (uint16_t i = used; i != available && shown < IN_FLIGHT_SHOWN; i++, shown++) {
		uint16_t head;
		struct vring_desc first;
		if (!capsule_at(c, window + q->driver + 4 + 2ull * (i % q->size), &head, sizeof(head)) || head >= q->size ||
		    !capsule_at(c, window + q->desc + 16ull * head, &first, sizeof(first))) {
			fprintf(out, "      entry %u is not plausible\n", i % q->size);
			continue;
		}
		fprintf(out, "      entry %u: descriptor %u, %u bytes at %" PRIx64 ", flags %x\n", i % q->size, head, first.len, first.addr,
			first.flags);
	}
}

static void show_queue(const struct capsule *c, const struct bh_link *l, unsigned index, FILE *out)
{
	const struct bh_queue *q = &l->queues[index];
	uint64_t window = l->role == BH_LINK_BACK ? l->window : 0;
	uint16_t available, used;
	if (!q->ready) {
		return;
	}
	fprintf(out, "    queue %u: size %u, descriptors %" PRIx64 ", driver %" PRIx64 ", device %" PRIx64, index, q->size, q->desc, q->driver,
		q->device);
	if (q->size == 0 || q->size > QUEUE_SIZE_MAX || !capsule_at(c, window + q->driver + 2, &available, 2) ||
	    !capsule_at(c, window + q->device + 2, &used, 2)) {
		fprintf(out, ", not in the capsule\n");
		return;
	}
	uint16_t in_flight = (uint16_t)(available - used);
	fprintf(out, ", available %u, used %u, in flight %u%s\n", available, used, in_flight, in_flight > q->size ? ": not plausible" : "");
	if (in_flight <= q->size) {
		show_in_flight(c, q, window, used, available, out);
	}
}

static void show_links(const struct capsule *c, FILE *out)
{
	static const char *const states[] = { "down", "rebuild", "up" };
	static struct bh_domain_page page;
	const struct bh_capsule *h = &c->header;
	for (uint32_t i = 0; i < h->part_count; i++) {
		if (h->parts[i].bytes != BH_DOMAIN_PAGES * 4096 || !capsule_at(c, h->parts[i].gpa + BH_DOMAIN_PAGE_OFFSET, &page, sizeof(page))) {
			continue;
		}
		for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
			const struct bh_link *l = &page.links[slot];
			if (l->role != BH_LINK_FRONT && l->role != BH_LINK_BACK) {
				continue;
			}
			fprintf(out, "link %u: %s end, to %.15s, kind %u, %s, status %x\n", slot, l->role == BH_LINK_BACK ? "back" : "front",
				l->peer, l->kind, l->state < 3 ? states[l->state] : "state unknown", l->status);
			for (unsigned q = 0; q < BH_MAX_QUEUES; q++) {
				show_queue(c, l, q, out);
			}
		}
		return;
	}
}

void capsule_show(const struct capsule *c, FILE *out)
{
	const struct bh_capsule *h = &c->header;
	fprintf(out, "domain %s, epoch %" PRIu32 ", died: %s: %s\n", h->domain, h->epoch, h->cause, h->reason);
	fprintf(out, "frozen after %.1f us, its devices fenced after %.1f us more\n", (double)(h->frozen - h->requested) * 1000 / (double)h->tsc_khz,
		(double)(h->fenced - h->frozen) * 1000 / (double)h->tsc_khz);
	for (uint32_t i = 0; i < h->vcpu_count; i++) {
		fprintf(out, "vCPU %" PRIu32 ":", i);
		show_registers(&h->vcpus[i], out);
		show_exits(h, &h->vcpus[i], out);
	}
	show_faults(h, out);
	show_links(c, out);
	for (uint32_t i = 0; i < h->part_count; i++) {
		fprintf(out, "memory %" PRIx64 ", %" PRIu64 " bytes\n", h->parts[i].gpa, h->parts[i].bytes);
	}
}
