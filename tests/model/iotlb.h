/* SPDX-License-Identifier: MIT */
/*
 * What IOMMUs may hold in their caches, by the same adversary as tlb.h: a unit reads a device's context (AMD-Vi: device table
 * entry; VT-d: context entry) at every moment and keeps each that it ever saw until told to drop it, and by each of them it
 * walks and keeps the domain's translations. Translations found by a device stay usable for it until their domain's are
 * dropped, even after its context was; so contexts have to go first. Commands take effect no earlier than the driver
 * looks at the word by which their completion is told.
 *
 * Judged, beside the two rules of tlb.h for each domain's tables:
 *   3. A context never passes a request untranslated, never has a reserved bit, and never joins one domain's tables to
 *      another's ID.
 *   4. When attaching has returned, no unit has, of this device, a context or a translation that is not the domain's;
 *      of a blocked device, none at all.
 */
#ifndef MODEL_IOTLB_H
#define MODEL_IOTLB_H

#include <stdbool.h>
#include <stdint.h>

#include "tlb.h"

#define IOTLB_UNITS 2u /* one device may be behind either: all tables are shared */
#define IOTLB_DEVICES 2u
#define IOTLB_DOMAINS 4u

enum iotlb_kind { IOTLB_BLOCKED, IOTLB_TRANSLATED, IOTLB_BAD };

struct iotlb_context {
	enum iotlb_kind kind;
	const uint64_t *root;
	unsigned levels;
	uint16_t domain;
};

struct iotlb_hardware {
	const char *name;
	const struct walk_format *format;
	/** The context of this requester ID as this unit would read it from memory now. */
	struct iotlb_context (*context)(unsigned unit, uint16_t id);
	void (*stored)(const void *at, unsigned bytes); /* perhaps to its registers */
	void (*moment)(const void *at); /* the driver is about to look there */
	void (*handed_out)(const void *page); /* zeroed for the driver; may be NULL */
};
extern const struct iotlb_hardware iotlb_hardware;

/* For the hardware: commands. -1: all. */
enum iotlb_command { IOTLB_DROP_CONTEXT = 1, IOTLB_DROP_DOMAIN = 2 };
void iotlb_drop_context(unsigned unit, int id);
void iotlb_drop_domain(unsigned unit, int domain);
void iotlb_breach(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For the tests. */
extern unsigned iotlb_deaf; /* kinds of commands that have no effect, as if they had not been given */
extern unsigned iotlb_late; /* kinds that take effect only after the next command, as if given in the other order */
void iotlb_reset(const uint16_t ids[IOTLB_DEVICES]); /* nothing cached, no domain */
void iotlb_domain_add(uint16_t domain, const uint64_t *root, const struct ideal *now);
void iotlb_stored(const void *at, unsigned bytes);
void iotlb_page_reused(const void *page);
void iotlb_change(uint16_t domain, const struct ideal *old, const struct ideal *new);
void iotlb_settled(uint16_t domain, const struct ideal *now);
void iotlb_attached(uint16_t id, uint16_t domain); /* 0: blocked */
bool iotlb_reaches(uint16_t id, uint64_t to, uint64_t bytes); /* any unit, any cached way */
void iotlb_each_table(void (*visit)(const void *page, void *arg), void *arg); /* that some unit may walk */
const char *iotlb_broken(void); /* the first breach, or NULL */

#endif
