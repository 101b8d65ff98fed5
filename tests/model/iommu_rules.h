/* SPDX-License-Identifier: MIT */
/*
 * The rules of iotlb.h put to the hypervisor's IOMMU code, whichever kind of IOMMU the program has hardware for: random
 * maps, unmaps, attachments and blocks, and the same with something wrong, which must be noticed.
 */
#ifndef MODEL_IOMMU_RULES_H
#define MODEL_IOMMU_RULES_H

#include "hv/pci.h"
#include "iotlb.h"

/* The hardware's side: registers of each unit, at these host-physical addresses; an ACPI table; what goes wrong. */
extern uint8_t iommu_registers[IOTLB_UNITS][0x5000];
#define IOMMU_REGISTERS_AT(unit) (0xfed80000ull + (unit) * 0x10000ull)
extern const char iommu_table_name[4];
extern uint8_t iommu_table[256];
extern uint32_t iommu_table_length;
void iommu_hardware_reset(void);

/* The machine: two functions; how long the driver waits for an IOMMU, in TSC cycles. */

extern struct pci_function iommu_functions[IOTLB_DEVICES];
extern uint64_t iommu_patience;

/* CMocka tests. */
int iommu_rules_start(void **state);
void every_state_is_old_or_new(void **state);
void commands_that_are_not_given(void **state);
void commands_in_the_wrong_order(void **state);
void a_flush_that_does_nothing(void **state);
void an_attachment_to_the_wrong_tables(void **state);
void stores_that_go_wrong(void **state);
void a_unit_that_is_forgotten(void **state);
extern unsigned iommu_forgotten; /* bits of units whose commands are lost; the hardware asks */

#endif
