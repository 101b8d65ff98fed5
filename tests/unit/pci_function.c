/* SPDX-License-Identifier: MIT */
/*
 * BAR sizing, the capability walk and the access filter against a configuration space in memory that behaves as PCI 3.0, chapter 6
 * says: BARs keep their low bits, command bits are writable, status bits clear on 1. It also notes whether decoding was off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/pci/pci_internal.h"

static struct {
	uint8_t bytes[PCI_CONFIG_SIZE];
	uint32_t bar_writable[6];
	unsigned sized_while_decoding, reads;
} fake;

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned width)
{
	uint32_t value = 0;
	assert_true(offset + width <= PCI_CONFIG_SIZE);
	fake.reads++;
	memcpy(&value, fake.bytes + offset, width);
	return value;
}

static void dword_write(unsigned offset, uint32_t value, uint32_t lanes)
{
	uint32_t old, writable = 0, clears = 0;
	memcpy(&old, fake.bytes + offset, 4);
	if (offset >= PCI_BAR0 && offset < PCI_BAR0 + 24) {
		writable = fake.bar_writable[(offset - PCI_BAR0) / 4];
		fake.sized_while_decoding += value == 0xffffffff && fake.bytes[PCI_COMMAND] & 3;
	} else if (offset == PCI_COMMAND) {
		writable = 0x0547;
		clears = 0xf9000000;
	} else {
		writable = 0xffffffff;
	}
	writable &= lanes;
	uint32_t now = (old & ~writable) | (value & writable);
	now &= ~(value & clears & lanes);
	memcpy(fake.bytes + offset, &now, 4);
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
	unsigned shift = 8 * (offset & 3);
	dword_write(offset & ~3u, value << shift, (0xffffffffu >> (32 - 8 * width)) << shift);
}

static void put32(unsigned offset, uint32_t value)
{
	memcpy(fake.bytes + offset, &value, 4);
}

static uint32_t get32(unsigned offset)
{
	uint32_t value;
	memcpy(&value, fake.bytes + offset, 4);
	return value;
}

static int fresh(void **state)
{
	memset(&fake, 0, sizeof(fake));
	put32(0, 0x29228086);
	put32(4, 0x00100007); /* capabilities; I/O, memory, master */
	put32(8, 0x01060102);
	return 0;
}

static void bar(unsigned index, uint32_t value, uint32_t writable)
{
	put32(PCI_BAR0 + 4 * index, value);
	fake.bar_writable[index] = writable;
}

static void bars_are_sized(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	bar(0, 0xfeb00000, 0xffff0000); /* 64 KiB, 32 bits */
	bar(1, 0x0000c001, 0xffffffe0); /* I/O */
	bar(2, 0x0000000c, 0xfffff000); /* 64 bits, 4 KiB at 8 GiB */
	bar(3, 0x00000002, 0xffffffff);
	bar(4, 0x00000004, 0x00000000); /* 64 bits, 16 GiB at 32 GiB */
	bar(5, 0x00000008, 0xfffffffc);
	pci_function_read(&f);
	assert_int_equal(f.vendor, 0x8086);
	assert_int_equal(f.class_code, 0x010601);
	assert_int_equal(f.bars[0].at.value, 0xfeb00000);
	assert_int_equal(f.bars[0].size, 0x10000);
	assert_int_equal(f.bars[1].at.value, 0);
	assert_int_equal(f.bars[2].at.value, 0x200000000);
	assert_int_equal(f.bars[2].size, 0x1000);
	assert_int_equal(f.bars[3].size, 0);
	assert_int_equal(f.bars[4].at.value, 0x800000000);
	assert_int_equal(f.bars[4].size, 0x400000000);
	assert_int_equal(fake.sized_while_decoding, 0);
	assert_int_equal(get32(PCI_COMMAND), 0x00100007);
	assert_int_equal(get32(PCI_BAR0), 0xfeb00000);
	assert_int_equal(get32(PCI_BAR0 + 12), 2);
}

static void strange_bars_are_absent(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	bar(1, 0x00000000, 0xfffff000); /* not assigned */
	bar(5, 0xfeb0000c, 0xfffff000); /* 64 bits with no upper half */
	pci_function_read(&f);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(f.bars[i].at.value, 0);
		assert_int_equal(f.bars[i].size, 0);
	}
	fake.bytes[PCI_HEADER_TYPE] = 0x81;
	bar(0, 0xfeb00000, 0xfffff000);
	pci_function_read(&f);
	assert_int_equal(f.bars[0].at.value, 0);
}

static void capability(unsigned at, uint8_t id, unsigned next)
{
	fake.bytes[at] = id;
	fake.bytes[at + 1] = (uint8_t)next;
}

static void capabilities_are_found(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	fake.bytes[PCI_CAPABILITIES] = 0x80;
	capability(0x80, PCI_CAP_MSI, 0xa8);
	capability(0xa8, 0x12, 0x50);
	capability(0x50, PCI_CAP_PM, 0);
	pci_function_read(&f);
	assert_int_equal(f.msi_cap, 0x80);
	assert_int_equal(f.pm_cap, 0x50);
	assert_int_equal(f.pcie_cap, 0);
	fake.bytes[PCI_STATUS] = 0; /* says that it has no list */
	assert_int_equal(pci_cap_find(&f, PCI_CAP_MSI), 0);
}

/* The table of messages is used if it has whole pages of a BAR to itself. */
static void where_the_messages_are(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	fake.bytes[PCI_CAPABILITIES] = 0xa0;
	capability(0xa0, PCI_CAP_MSIX, 0);
	put32(0xa0, 0x00040011); /* five entries */
	put32(0xa4, 0x2000 | 3);
	bar(3, 0xfeb40000, 0xffffc000);
	pci_function_read(&f);
	assert_int_equal(f.msix_cap, 0xa0);
	assert_int_equal(f.msix.at.value, 0xfeb42000);
	assert_int_equal(f.msix.size, 0x1000);
	assert_int_equal(f.msix_count, 5);
	const struct {
		uint32_t entries, where;
	} wrong[] = { { 0x07ff0011, 0x2000 | 3 }, { 0x00040011, 0x2800 | 3 }, { 0x00040011, 0x4000 | 3 }, { 0x00040011, 0xfffff000 | 3 },
		{ 0x00040011, 2 }, { 0x00040011, 6 }, { 0x00040011, 7 } };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pci_function g = { .bdf = 0xfa };
		put32(0xa0, wrong[i].entries);
		put32(0xa4, wrong[i].where);
		pci_function_read(&g);
		assert_int_equal(g.msix_cap, 0);
		assert_int_equal(g.msix.size, 0);
	}
}

static void a_capability_loop_ends(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	fake.bytes[PCI_CAPABILITIES] = 0x80;
	capability(0x80, 0x12, 0xa0);
	capability(0xa0, 0x13, 0x80);
	fake.reads = 0;
	assert_int_equal(pci_cap_find(&f, PCI_CAP_PCIE), 0);
	assert_true(fake.reads < 100);
	capability(0xa0, 0x13, 0x10); /* into the header */
	fake.bytes[0x10] = PCI_CAP_PCIE;
	assert_int_equal(pci_cap_find(&f, PCI_CAP_PCIE), 0);
}

static void extended(unsigned at, uint16_t id, unsigned next)
{
	put32(at, id | 1u << 16 | next << 20);
}

/* Services that keep requests from peers go on, the others off; a function without them, or whose list loops, has none. */
static void access_control_is_switched_on(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	fake.bytes[PCI_CAPABILITIES] = 0x40;
	capability(0x40, PCI_CAP_PCIE, 0);
	fake.bytes[0x42] = 0x62; /* a switch's downstream port */
	extended(0x100, 0x0001, 0x148);
	extended(0x148, PCI_EXTENDED_ACS, 0);
	put32(0x14c, 0x0062005f);
	pci_function_read(&f);
	assert_int_equal(f.port, PCI_PORT_DOWNSTREAM);
	assert_true(f.acs);
	assert_int_equal(get32(0x14c), 0x001d005f);
	put32(0x14c, 0x00000005); /* it has only two of them: the others it does not need */
	pci_function_read(&f);
	assert_true(f.acs);
	assert_int_equal(get32(0x14c), 0x00050005);
	extended(0x148, 0x0002, 0x100);
	fake.reads = 0;
	pci_function_read(&f);
	assert_false(f.acs);
	assert_true(fake.reads < 2000);
	extended(0x100, 0x0001, 0xffc);
	extended(0xffc, PCI_EXTENDED_ACS, 0); /* it would go on behind the end */
	pci_function_read(&f);
	assert_false(f.acs);
	extended(0x100, PCI_EXTENDED_ACS, 0);
	fake.bytes[PCI_CAPABILITIES] = 0; /* conventional: what lies there is no list */
	pci_function_read(&f);
	assert_false(f.acs);
	assert_int_equal(f.port, PCI_PORT_CONVENTIONAL);
}

static void a_bridges_buses(void **state)
{
	struct pci_function f = { .bdf = 0x0308 };
	fake.bytes[PCI_HEADER_TYPE] = 0x81;
	fake.bytes[PCI_SECONDARY] = 4;
	fake.bytes[PCI_SUBORDINATE] = 6;
	pci_function_read(&f);
	assert_int_equal(f.secondary, 4);
	assert_int_equal(f.subordinate, 6);
	assert_int_equal(f.requester, 0x0308);
	const uint8_t wrong[][3] = { { 1, 3, 6 }, { 1, 0, 0 }, { 1, 4, 3 }, { 0, 4, 6 }, { 2, 4, 6 } }; /* none of these is a bridge downwards */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pci_function g = { .bdf = 0x0308 };
		fake.bytes[PCI_HEADER_TYPE] = wrong[i][0];
		fake.bytes[PCI_SECONDARY] = wrong[i][1];
		fake.bytes[PCI_SUBORDINATE] = wrong[i][2];
		pci_function_read(&g);
		assert_int_equal(g.secondary, 0);
		assert_int_equal(g.subordinate, 0);
	}
}

static void the_filter_passes_what_it_names(void **state)
{
	struct pci_function f = { .bdf = 0xfa };
	uint32_t value;
	put32(4, 0xf9100001);
	assert_int_equal(pci_domain_write(&f, PCI_COMMAND, 2, 0xffff), 0);
	assert_int_equal(get32(4), 0xf9100407); /* I/O kept on, SERR and the like kept off, no status bit cleared */
	assert_int_equal(pci_domain_write(&f, PCI_COMMAND, 1, 0), 0);
	assert_int_equal(get32(4), 0xf9100401);
	assert_int_equal(pci_domain_write(&f, PCI_STATUS, 2, 0x8000), 0);
	assert_int_equal(get32(4), 0x79100401);
	assert_int_equal(pci_domain_write(&f, PCI_CACHE_LINE, 1, 0x10), 0);
	assert_int_equal(pci_domain_read(&f, PCI_CACHE_LINE, 4, &value), 0);
	assert_int_equal(value, 0x10);
	assert_int_equal(pci_domain_read(&f, 0, 2, &value), 0);
	assert_int_equal(value, 0x8086);
}

static void a_message_device_keeps_its_line_off(void **state)
{
	struct pci_function f = { .bdf = 0xfa, .msi_cap = 0x80 };
	assert_int_equal(pci_domain_write(&f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY), 0);
	assert_int_equal(get32(4) & 0xffff, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX);
}

static void the_filter_refuses_the_rest(void **state)
{
	struct pci_function f = { .bdf = 0xfa, .msi_cap = 0x80 };
	static uint8_t before[PCI_CONFIG_SIZE];
	uint32_t value;
	memcpy(before, fake.bytes, sizeof(before));
	for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset += 4) {
		if (offset != PCI_COMMAND && offset != PCI_CACHE_LINE) {
			assert_int_equal(pci_domain_write(&f, offset, 4, 0xffffffff), -EPERM);
		}
	}
	assert_int_equal(pci_domain_write(&f, PCI_HEADER_TYPE, 2, 0xffff), -EPERM);
	assert_int_equal(pci_domain_write(&f, PCI_COMMAND, 3, 0), -EINVAL);
	assert_int_equal(pci_domain_write(&f, PCI_COMMAND + 1, 2, 0), -EINVAL);
	assert_int_equal(pci_domain_write(&f, PCI_COMMAND, 8, 0), -EINVAL);
	assert_int_equal(pci_domain_write(&f, 4096, 1, 0), -EINVAL);
	assert_int_equal(pci_domain_read(&f, 0xfffffffc, 4, &value), -EINVAL);
	assert_int_equal(pci_domain_read(&f, 2, 4, &value), -EINVAL);
	assert_memory_equal(before, fake.bytes, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bars_are_sized, fresh),
		cmocka_unit_test_setup(strange_bars_are_absent, fresh),
		cmocka_unit_test_setup(capabilities_are_found, fresh),
		cmocka_unit_test_setup(where_the_messages_are, fresh),
		cmocka_unit_test_setup(a_capability_loop_ends, fresh),
		cmocka_unit_test_setup(access_control_is_switched_on, fresh),
		cmocka_unit_test_setup(a_bridges_buses, fresh),
		cmocka_unit_test_setup(the_filter_passes_what_it_names, fresh),
		cmocka_unit_test_setup(a_message_device_keeps_its_line_off, fresh),
		cmocka_unit_test_setup(the_filter_refuses_the_rest, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
