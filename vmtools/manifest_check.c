/* SPDX-License-Identifier: MIT */
/*
 * What a manifest must satisfy as a whole, judged when all lines are read: one main domain, nothing
 * missing from a domain, links between domains that exist, no device claimed twice.
 */
#include <stdio.h>
#include <string.h>

#include "abi/hypercall.h"
#include "manifest.h"

static void check_domain(struct manifest *m, uint32_t index)
{
	const struct bundle_domain *d = &m->header.domains[index];
	unsigned line = m->domains[index].line, seen = m->domains[index].seen;
	if (!(seen & 1u << SEEN_IMAGE)) {
		manifest_error(m, line, "domain \"%s\" has no image: add a line \"image FILE\"", d->name);
	}
	if (!(seen & 1u << SEEN_MEMORY)) {
		manifest_error(m, line, "domain \"%s\" has no memory: add a line \"memory SIZE\"", d->name);
	}
	if (d->flags & BUNDLE_KEEP_MODULE && !(seen & 1u << SEEN_MODULE)) {
		manifest_error(m, line, "domain \"%s\" is to keep a module but has none: add a line \"module FILE\"", d->name);
	}
	if (d->flags & BUNDLE_TEST_NO_RESET && d->device_count == 0) {
		manifest_error(m, line, "domain \"%s\" has no device, so \"test-no-reset\" means nothing: remove it", d->name);
	}
	if (d->flags & BUNDLE_MAIN && d->restart_max > 0) {
		manifest_error(m, line, "domain \"%s\" is the main domain, whose end powers the machine off: remove \"restart\"",
			       d->name);
	}
}

static void check_mains(struct manifest *m)
{
	const struct bundle_domain *first = manifest_main(m);
	if (!first) {
		manifest_error(m, 0, "no domain is the main one: add a line \"main\" to the domain that owns the console");
		return;
	}
	for (uint32_t i = 0; i < m->header.domain_count; i++) {
		const struct bundle_domain *d = &m->header.domains[i];
		if (d != first && d->flags & BUNDLE_MAIN) {
			manifest_error(m, m->domains[i].line, "two main domains, \"%s\" and \"%s\": keep \"main\" in one of them",
				       first->name, d->name);
		}
	}
}

static uint32_t link_end(struct manifest *m, unsigned line, const char *name)
{
	const struct bundle_domain *domain = manifest_domain(m, name);
	if (!domain) {
		manifest_error(m, line, "link to domain \"%s\", which is not defined: define it or correct the name", name);
		return UINT32_MAX;
	}
	return (uint32_t)(domain - m->header.domains);
}

static void check_link(struct manifest *m, uint32_t index)
{
	struct bundle_link *link = &m->header.links[index];
	unsigned line = m->links[index].line;
	link->front = link_end(m, line, m->links[index].front);
	link->back = link_end(m, line, m->links[index].back);
	if (link->front == UINT32_MAX || link->back == UINT32_MAX) {
		return;
	}
	if (link->front == link->back) {
		manifest_error(m, line, "a link joins two domains: \"%s\" can't be both ends", m->links[index].front);
	}
	if (m->header.domains[link->back].flags & BUNDLE_MAIN) {
		manifest_error(m, line, "the main domain \"%s\" can't be a back end: write the front end first", m->links[index].back);
	}
}

static void check_link_counts(struct manifest *m)
{
	for (uint32_t d = 0; d < m->header.domain_count; d++) {
		unsigned count = 0;
		for (uint32_t i = 0; i < m->header.link_count; i++) {
			count += m->header.links[i].front == d || m->header.links[i].back == d;
		}
		if (count > BH_MAX_LINKS) {
			manifest_error(m, m->domains[d].line, "domain \"%s\" has %u links: at most %d are allowed",
				       m->header.domains[d].name, count, BH_MAX_LINKS);
		}
	}
}

static void device_text(const struct bundle_device *d, char *text, size_t size)
{
	if (d->kind == BUNDLE_DEV_CLASS) {
		snprintf(text, size, "class %06x index %u", d->value, d->index);
	} else {
		snprintf(text, size, "%02x:%02x.%x", d->value >> 8, d->value >> 3 & 31, d->value & 7);
	}
}

/* Whether an address and a class mean the same function is known only on the machine; the hypervisor refuses it there. */
static void check_claim(struct manifest *m, uint32_t domain, uint32_t device)
{
	const struct bundle_device *claim = &m->header.domains[domain].devices[device];
	for (uint32_t d = 0; d <= domain; d++) {
		uint32_t count = d == domain ? device : m->header.domains[d].device_count;
		for (uint32_t i = 0; i < count; i++) {
			const struct bundle_device *other = &m->header.domains[d].devices[i];
			if (claim->kind && other->kind == claim->kind && other->value == claim->value &&
			    other->index == claim->index) {
				char text[40];
				device_text(claim, text, sizeof(text));
				manifest_error(m, m->domains[domain].line,
					       "device %s of domain \"%s\" is claimed by domain \"%s\" already: a device has one owner",
					       text, m->header.domains[domain].name, m->header.domains[d].name);
				return;
			}
		}
	}
}

void manifest_check(struct manifest *m)
{
	for (uint32_t i = 0; i < m->header.domain_count; i++) {
		check_domain(m, i);
		for (uint32_t j = 0; j < m->header.domains[i].device_count; j++) {
			check_claim(m, i, j);
		}
	}
	check_mains(m);
	for (uint32_t i = 0; i < m->header.link_count; i++) {
		check_link(m, i);
	}
	check_link_counts(m);
}
