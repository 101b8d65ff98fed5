/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts, MSI and MSI-X, against a configuration space and a table in memory: what is programmed, in which
 * order of enabling, what is masked, and what turns them off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/cpu.h"
#include "hv/iommu.h"
#include "hv/pci/pci_internal.h"

#define MSI 0x50
#define MSIX 0x70
#define ENTRIES 5

static uint8_t space[PCI_CONFIG_SIZE];
static uint32_t table[1024] __attribute__((aligned(4096)));
static bool enabled_unready; /* switched on while the entry was not what it is at the end */
static struct pci_function f;
static struct cpu cpus[2] = { { .apic_id = 3 }, { .apic_id = 9 } };
uint32_t cpu_count = 2;
static int routed;
static unsigned route_index;
static struct iommu_ops ops;
const struct iommu_ops *iommu;

struct cpu *cpu_at(uint32_t index)
{
	return &cpus[index];
}

int iommu_msi_route(struct pci_function *function, unsigned index, uint8_t vector, uint32_t apic_id, uint64_t *address, uint32_t *data)
{
	routed++;
	route_index = index;
	*address = 0x1fee00000ull + apic_id;
	*data = 0x77;
	return vector == 0xee ? -ENOMEM : 0;
}

uint32_t pci_read(const struct pci_function *function, unsigned offset, unsigned width)
{
	uint32_t value = 0;
	memcpy(&value, space + offset, width);
	return value;
}

void pci_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
	if (offset == MSIX + 2) { /* the size is read-only */
		value = (value & 0xc000) | (ENTRIES - 1);
		enabled_unready |= (value & 0x8000) && !(table[4 * 2] | table[4]);
	}
	memcpy(space + offset, &value, width);
}

static uint32_t get(unsigned offset, unsigned width)
{
	return pci_read(&f, offset, width);
}

static int fresh(void **state)
{
	memset(space, 0, sizeof(space));
	memset(table, 0xff, sizeof(table));
	f = (struct pci_function){ .bdf = 0x80, .msi_cap = MSI };
	space[MSI + 2] = 0xf0; /* 64 bits; more messages than it is given */
	space[MSIX + 2] = ENTRIES - 1;
	iommu = NULL;
	routed = 0;
	enabled_unready = false;
	return 0;
}

static int fresh_msix(void **state)
{
	fresh(state);
	f.msix_cap = MSIX;
	f.msix.size = 4096;
	f.msix_count = ENTRIES;
	f.messages = table;
	return 0;
}

static void a_message_by_msi(void **state)
{
	assert_int_equal(pci_msi_set(&f, 0, 0x41, 1), 0);
	assert_int_equal(get(MSI + 4, 4), 0xfee00000u | 9 << 12);
	assert_int_equal(get(MSI + 8, 4), 0);
	assert_int_equal(get(MSI + 12, 2), 0x41);
	assert_int_equal(get(MSI + 2, 2), 0x81); /* on, one message */
	assert_true(get(PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX);
	assert_int_equal(pci_msi_set(&f, 1, 0x41, 1), -EINVAL);
	assert_int_equal(pci_msi_set(&f, 0, 0x41, 2), -EINVAL);
	assert_int_equal(pci_msi_set(&f, 0, 0, 0), 0);
	assert_int_equal(get(MSI + 2, 2), 0x80);
	f.msi_cap = 0;
	assert_int_equal(pci_msi_set(&f, 0, 0x41, 0), -ENODEV);
}

static void a_narrow_msi(void **state)
{
	space[MSI + 2] = 0;
	assert_int_equal(pci_msi_set(&f, 0, 0x41, 0), 0);
	assert_int_equal(get(MSI + 8, 2), 0x41);
	assert_int_equal(get(MSI + 12, 2), 0);
}

static void a_message_by_msi_x(void **state)
{
	assert_int_equal(pci_msi_set(&f, 2, 0x41, 0), 0);
	assert_int_equal(table[8], 0xfee00000u | 3 << 12);
	assert_int_equal(table[9], 0);
	assert_int_equal(table[10], 0x41);
	assert_int_equal(table[11], 0);
	for (unsigned i = 0; i < ENTRIES; i++) {
		assert_int_equal(table[4 * i + 3], i == 2 ? 0 : 1); /* the others are masked */
	}
	assert_int_equal(table[4 * ENTRIES + 3], ~0u); /* no entry any more */
	assert_int_equal(get(MSIX + 2, 2), 0x8000 | (ENTRIES - 1));
	assert_int_equal(get(MSI + 2, 2), 0x80); /* not both */
	assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_NO_INTX | PCI_COMMAND_MEMORY);
	assert_false(enabled_unready);
	assert_int_equal(pci_msi_set(&f, ENTRIES, 0x41, 0), -EINVAL);
	assert_int_equal(pci_msi_set(&f, 0, 0x42, 0), 0);
	assert_int_equal(table[3], 0);
	assert_int_equal(table[11], 1);
}

/* The domain's one interrupt has one entry in the IOMMU, whichever of the device's messages it is: so death turns it off. */
static void messages_are_remapped(void **state)
{
	iommu = &ops;
	assert_int_equal(pci_msi_set(&f, 4, 0x41, 1), 0);
	assert_int_equal(table[16], 0xfee00009u);
	assert_int_equal(table[17], 1);
	assert_int_equal(table[18], 0x77);
	assert_int_equal(route_index, 0);
	assert_int_equal(pci_msi_set(&f, 0, 0, 0), 0);
	assert_int_equal(routed, 2);
	assert_int_equal(route_index, 0);
	assert_int_equal(get(MSIX + 2, 2), 0xc000 | (ENTRIES - 1)); /* masked */
	assert_int_equal(pci_msi_set(&f, 0, 0xee, 0), -ENOMEM);
	assert_int_equal(get(MSIX + 2, 2) & 0x4000, 0x4000);
}

/* What the device said when it was found counts, not what it says now: the table's pages were measured by that. */
static void a_table_that_says_more(void **state)
{
	f.msix_count = 3;
	assert_int_equal(pci_msi_set(&f, 3, 0x41, 0), -EINVAL);
	assert_int_equal(pci_msi_set(&f, 1, 0x41, 0), 0);
	assert_int_equal(table[4 * 3 + 3], ~0u);
}

static void after_a_reset_all_is_off(void **state)
{
	assert_int_equal(pci_msi_set(&f, 0, 0x41, 0), 0);
	pci_msi_off(&f);
	assert_true(get(MSIX + 2, 2) & 0x4000);
	assert_int_equal(get(MSI + 2, 2) & 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_message_by_msi, fresh), cmocka_unit_test_setup(a_narrow_msi, fresh),
		cmocka_unit_test_setup(a_message_by_msi_x, fresh_msix), cmocka_unit_test_setup(messages_are_remapped, fresh_msix),
		cmocka_unit_test_setup(a_table_that_says_more, fresh_msix), cmocka_unit_test_setup(after_a_reset_all_is_off, fresh_msix),
	};
	return cmocka_run_group_tests_name("pci_msi", tests, NULL, NULL);
}
