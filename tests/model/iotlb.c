/* SPDX-License-Identifier: MIT */
/* See iotlb.h. A set of contexts a device and unit; a TLB a domain and unit; a bit a device for the domains it has found. */
#include "iotlb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_MAX 16u

unsigned iotlb_deaf, iotlb_late;

static struct device {
	uint16_t id;
	struct iotlb_context seen[IOTLB_UNITS][SEEN_MAX];
	unsigned seen_count[IOTLB_UNITS];
	unsigned found[IOTLB_UNITS]; /* bits by domain index */
} devices[IOTLB_DEVICES];

static struct domain_tlb {
	uint16_t id;
	struct tlb tlbs[IOTLB_UNITS];
} domains[IOTLB_DOMAINS];
static unsigned domain_count;

static struct {
	unsigned kind;
	int what;
} held[IOTLB_UNITS]; /* a command that is to be late */

static char broken[240];

void iotlb_breach(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (!broken[0]) {
		vsnprintf(broken, sizeof(broken), format, args);
	}
	va_end(args);
}

static int domain_index(uint16_t id)
{
	for (unsigned i = 0; i < domain_count; i++) {
		if (domains[i].id == id) {
			return (int)i;
		}
	}
	return -1;
}

static bool same(const struct iotlb_context *a, const struct iotlb_context *b)
{
	return a->kind == b->kind && (a->kind != IOTLB_TRANSLATED || (a->root == b->root && a->domain == b->domain));
}

/* The unit reads the device's context as it now is, keeps it, and walks by it. */
static void look(struct device *d, unsigned unit)
{
	struct iotlb_context now = iotlb_hardware.context(unit, d->id);
	for (unsigned i = 0; i < d->seen_count[unit]; i++) {
		if (same(&d->seen[unit][i], &now)) {
			return;
		}
	}
	if (d->seen_count[unit] < SEEN_MAX) {
		d->seen[unit][d->seen_count[unit]++] = now;
	}
	if (now.kind == IOTLB_BAD) {
		iotlb_breach("%s: the context of %04x lets requests pass or has a reserved bit", iotlb_hardware.name, d->id);
	} else if (now.kind == IOTLB_TRANSLATED) {
		int i = domain_index(now.domain);
		if (i < 0 || domains[i].tlbs[unit].root != now.root || now.levels != iotlb_hardware.format->levels) {
			iotlb_breach("%s: %04x walks tables that are not those of domain %u", iotlb_hardware.name, d->id, now.domain);
		} else {
			d->found[unit] |= 1u << i;
		}
	}
}

static void look_all(void)
{
	for (unsigned i = 0; i < IOTLB_DEVICES; i++) {
		for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
			look(&devices[i], unit);
		}
	}
}

static void drop(unsigned unit, unsigned kind, int what)
{
	for (unsigned i = 0; kind == IOTLB_DROP_CONTEXT && i < IOTLB_DEVICES; i++) {
		if (what < 0 || devices[i].id == what) {
			devices[i].seen_count[unit] = 0;
			look(&devices[i], unit);
		}
	}
	for (unsigned i = 0; kind == IOTLB_DROP_DOMAIN && i < domain_count; i++) {
		if (what >= 0 && domains[i].id != what) {
			continue;
		}
		tlb_invalidate(&domains[i].tlbs[unit]);
		for (unsigned d = 0; d < IOTLB_DEVICES; d++) {
			bool still = false; /* by a context that it kept it finds them again */
			for (unsigned s = 0; s < devices[d].seen_count[unit]; s++) {
				const struct iotlb_context *context = &devices[d].seen[unit][s];
				still = still || (context->kind == IOTLB_TRANSLATED && context->domain == domains[i].id);
			}
			devices[d].found[unit] &= ~(still ? 0 : 1u << i);
		}
	}
}

static void command(unsigned unit, unsigned kind, int what)
{
	if (iotlb_deaf & kind) {
		return;
	}
	if (iotlb_late & kind && !held[unit].kind) {
		held[unit].kind = kind;
		held[unit].what = what;
		return;
	}
	drop(unit, kind, what);
	if (held[unit].kind) {
		drop(unit, held[unit].kind, held[unit].what);
		held[unit].kind = 0;
	}
}

void iotlb_drop_context(unsigned unit, int id)
{
	command(unit, IOTLB_DROP_CONTEXT, id);
}

void iotlb_drop_domain(unsigned unit, int domain)
{
	command(unit, IOTLB_DROP_DOMAIN, domain);
}

void iotlb_reset(const uint16_t ids[IOTLB_DEVICES])
{
	for (unsigned i = 0; i < domain_count; i++) {
		for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
			tlb_free(&domains[i].tlbs[unit]);
		}
	}
	memset(devices, 0, sizeof(devices));
	memset(held, 0, sizeof(held));
	for (unsigned i = 0; i < IOTLB_DEVICES; i++) {
		devices[i].id = ids[i];
	}
	domain_count = iotlb_deaf = iotlb_late = 0;
	broken[0] = '\0';
	look_all();
}

void iotlb_domain_add(uint16_t domain, const uint64_t *root, const struct ideal *now)
{
	struct domain_tlb *d = &domains[domain_count++];
	d->id = domain;
	for (unsigned unit = 0; unit < IOTLB_UNITS; unit++) {
		tlb_init(&d->tlbs[unit], iotlb_hardware.format, root, now);
	}
}

#define EACH_TLB(tlb) \
	for (unsigned i_ = 0; i_ < domain_count; i_++) \
		for (struct tlb *tlb = domains[i_].tlbs; tlb < domains[i_].tlbs + IOTLB_UNITS; tlb++)

void iotlb_stored(const void *at, unsigned bytes)
{
	EACH_TLB (tlb) {
		tlb_stored(tlb, at, bytes);
	}
	look_all();
}

void iotlb_page_reused(const void *page)
{
	EACH_TLB (tlb) {
		tlb_page_reused(tlb, page);
	}
}

void iotlb_change(uint16_t domain, const struct ideal *old, const struct ideal *new)
{
	int i = domain_index(domain);
	for (unsigned unit = 0; i >= 0 && unit < IOTLB_UNITS; unit++) {
		tlb_change(&domains[i].tlbs[unit], old, new);
	}
}

void iotlb_settled(uint16_t domain, const struct ideal *now)
{
	int i = domain_index(domain);
	for (unsigned unit = 0; i >= 0 && unit < IOTLB_UNITS; unit++) {
		tlb_settled(&domains[i].tlbs[unit], now);
	}
}

void iotlb_attached(uint16_t id, uint16_t domain)
{
	for (unsigned i = 0; i < IOTLB_DEVICES; i++) {
		for (unsigned unit = 0; devices[i].id == id && unit < IOTLB_UNITS; unit++) {
			unsigned own = domain ? 1u << domain_index(domain) : 0;
			for (unsigned s = 0; s < devices[i].seen_count[unit]; s++) {
				const struct iotlb_context *context = &devices[i].seen[unit][s];
				if (domain ? context->kind != IOTLB_TRANSLATED || context->domain != domain : context->kind != IOTLB_BLOCKED) {
					iotlb_breach("%s: stale: unit %u may still use an older context of %04x", iotlb_hardware.name, unit, id);
				}
			}
			if (devices[i].found[unit] & ~own) {
				iotlb_breach("%s: stale: unit %u may still translate for %04x by another domain", iotlb_hardware.name, unit, id);
			}
		}
	}
}

bool iotlb_reaches(uint16_t id, uint64_t to, uint64_t bytes)
{
	for (unsigned i = 0; i < IOTLB_DEVICES; i++) {
		for (unsigned unit = 0; devices[i].id == id && unit < IOTLB_UNITS; unit++) {
			for (unsigned d = 0; d < domain_count; d++) {
				if (devices[i].found[unit] >> d & 1 && tlb_reaches(&domains[d].tlbs[unit], to, bytes)) {
					return true;
				}
			}
		}
	}
	return false;
}

void iotlb_each_table(void (*visit)(const void *page, void *arg), void *arg)
{
	EACH_TLB (tlb) {
		for (unsigned i = 0; i < tlb->table_count; i++) {
			visit(tlb->tables[i].page, arg);
		}
	}
}

const char *iotlb_broken(void)
{
	EACH_TLB (tlb) {
		if (tlb->broken[0]) {
			iotlb_breach("%s", tlb->broken);
		}
	}
	return broken[0] ? broken : NULL;
}
