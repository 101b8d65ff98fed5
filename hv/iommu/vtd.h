/* SPDX-License-Identifier: MIT */
/* VT-d below the IOMMU list. Intel Virtualization Technology for Directed I/O (D51397, rev. 3.3). */
#ifndef HV_VTD_H
#define HV_VTD_H

#include "iommu_internal.h"

#define VTD_COMMANDS 256u /* descriptors of an invalidation queue, 16 bytes each: one page */

struct vtd_pair { /* a 128-bit structure, low half first */
	uint64_t low, high;
};

/* One unit. Its queue's tail is kept by `ticket`. */
struct vtd_unit {
	char *registers;
	uint64_t capabilities, extended; /* CAP_REG, ECAP_REG */
	struct vtd_pair *commands;
	uint32_t *done; /* where a wait descriptor stores its ticket */
	uint32_t ticket; /* of the newest command */
};

/** Map the unit and read its capabilities. -ENOMEM. */
int vtd_unit_open(struct vtd_unit *unit, const struct iommu_described_unit *described);
/** Switch it on over these tables (values of RTADDR_REG and IRTA_REG), with nothing in its caches. -ENOMEM,
 *  -ETIMEDOUT. */
int vtd_unit_start(struct vtd_unit *unit, uint64_t root, uint64_t interrupts);
/** Returns when the descriptor has completed, and all that it invalidates is out of use; or -ETIMEDOUT. */
int vtd_unit_command(struct vtd_unit *unit, struct vtd_pair command);
/** Take the next recorded fault. -ENOENT: none. */
int vtd_unit_fault(struct vtd_unit *unit, struct iommu_fault *fault);

/* Registers: chapter 11.4. */
#define VTD_CAP 0x08
#define VTD_ECAP 0x10
#define VTD_GCMD 0x18
#define VTD_GSTS 0x1c
#define VTD_RTADDR 0x20
#define VTD_FSTS 0x34
#define VTD_FECTL 0x38
#define VTD_FEDATA 0x3c
#define VTD_FEADDR 0x40
#define VTD_FEUADDR 0x44
#define VTD_PMEN 0x64
#define VTD_IQT 0x88
#define VTD_IQA 0x90
#define VTD_IRTA 0xb8

#define VTD_CAP_DOMAINS(cap) ((cap) & 7) /* ND: 2^(4 + 2 ND) domain IDs */
#define VTD_CAP_RWBF (1ull << 4)
#define VTD_CAP_PROTECTED (3ull << 5) /* PLMR, PHMR */
#define VTD_CAP_LEVELS(cap, levels) ((cap) >> (6 + (levels)) & 1) /* SAGAW */
#define VTD_CAP_WIDTH(cap) (((cap) >> 16 & 0x3f) + 1) /* MGAW */
#define VTD_CAP_FAULTS_AT(cap) (((cap) >> 24 & 0x3ff) * 16) /* FRO */
#define VTD_CAP_LEAF(cap, level) ((cap) >> (33 + (level)) & 1) /* SLLPS: level 1 is 2 MiB */
#define VTD_ECAP_COHERENT (1ull << 0)
#define VTD_ECAP_QUEUE (1ull << 1)
#define VTD_ECAP_REMAPS (1ull << 3)
#define VTD_ECAP_X2APIC (1ull << 4)
#define VTD_ECAP_SNOOPS (1ull << 7)
#define VTD_IRTA_X2APIC (1ull << 11)

/* Invalidation descriptors: 6.5.2. All contexts; all translations, or one domain's, with DMA under way drained; one
 * interrupt entry, or all; the wait, which stores its ticket. */
#define VTD_INVALIDATE_CONTEXTS ((struct vtd_pair){ 1 | 1 << 4, 0 })
#define VTD_INVALIDATE_ALL ((struct vtd_pair){ 2 | 1 << 4 | 3 << 6, 0 })
#define VTD_INVALIDATE_DOMAIN(id) ((struct vtd_pair){ 2 | 2 << 4 | 3 << 6 | (uint64_t)(id) << 16, 0 })
#define VTD_INVALIDATE_INTERRUPTS ((struct vtd_pair){ 4, 0 })
#define VTD_INVALIDATE_INTERRUPT(index) ((struct vtd_pair){ 4 | 1 << 4 | (uint64_t)(index) << 32, 0 })
#define VTD_WAIT(ticket, done) ((struct vtd_pair){ 5 | 1 << 5 | (uint64_t)(ticket) << 32, (done) })

/* Root, context and interrupt entries: 9.1, 9.3, 9.10. Blocked and quiet: not present, faults not recorded (FPD). */
#define VTD_PRESENT 1ull
#define VTD_QUIET 2ull
#define VTD_IRTE_LEVEL (1ull << 4)
#define VTD_ADDRESS 0x000ffffffffff000ull
struct vtd_pair vtd_context(hpa_t root, unsigned levels, uint16_t domain);
/** Fixed delivery to one processor, for messages of this requester ID only. */
struct vtd_pair vtd_irte(uint8_t vector, uint32_t apic_id, bool x2apic, uint16_t requester);
/** The address of a message that raises interrupt entry `index` (5.1.2.2); its data is 0. */
uint64_t vtd_message(unsigned index);
/** Upper half of an I/O APIC's entry that raises interrupt entry `index` (5.1.5.1). */
uint32_t vtd_ioapic_entry(unsigned index);

extern struct paging_format vtd_format; /* written once, by vtd_start */
/** `snoop`: leaves make DMA snoop the caches, whatever the device asks for. */
void vtd_format_init(unsigned levels, unsigned max_leaf_level, bool snoop, void (*written)(const void *at, size_t bytes));

/** Write what the processor's caches hold of this memory back to it (vtd_memory.c). */
void vtd_write_back(const void *at, size_t bytes);

#endif
