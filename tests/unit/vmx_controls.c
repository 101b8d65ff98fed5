/* SPDX-License-Identifier: MIT */
/*
 * The choice of VMCS control words from the capability MSRs of real processors. The values are facts, each with the place that
 * published it; a processor of which not every MSR was published is not here. (No complete set was found for Nehalem, Ice Lake,
 * Alder Lake or Goldmont.) What is expected of a choice is written in the manual's bit numbers (SDM vol. 3, 24.6 to 24.8 and
 * appendix A), not in the hypervisor's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/vmm/vmx.h"

#define BIT(n) (1u << (n))
/* CR0 and CR4 of all of them: PE, NE and PG, and VMXE, are fixed to 1. */
#define FIXED(cr4) .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = (cr4)
/* From Westmere to today the first three are the same but for what they allow in addition. */
#define COMMON_PRIMARY .primary = 0xfff9fffe0401e172, .true_primary = 0xfff9fffe04006172
#define COMMON_PIN .pin = 0x7f00000016, .true_pin = 0x7f00000016
#define COMMON_EXIT_ENTRY \
	.exit = 0x7fffff00036dff, .true_exit = 0x7fffff00036dfb, .entry = 0xffff000011ff, .true_entry = 0xffff000011fb

struct processor {
	const char *name;
	const char *missing; /* words of the refusal; NULL: guests can run */
	unsigned leaf; /* 1: 2 MiB, 2: 1 GiB */
	bool accessed_dirty, invpcid, encls, apic, posted;
	struct vmx_capabilities has;
};

static const struct processor processors[] = {
	/* VirtualBox, src/VBox/VMM/VMMR3/cpus/: MSRs as VBoxCpuReport read them. */
	{ "Core Duo T2600 (Yonah, 2006)", "secondary controls", .has = { /* Intel_Core_Duo_T2600_2_16GHz.h */
		.basic = 0x1b040000000005, .pin = 0x1f00000016, .primary = 0x7781fffe0401e172, .exit = 0x3edff00036dff,
		.entry = 0x1dff000011ff, .misc = 0x403c0, FIXED(0x27ff), .vmcs_enum = 0x2c } },
	{ "Xeon X5482 (Penryn, 2007)", "(EPT)", .has = { /* Intel_Xeon_X5482_3_20GHz.h */
		.basic = 0x5a08000000000d, .pin = 0x3f00000016, .primary = 0xf7f9fffe0401e172, .exit = 0x3ffff00036dff,
		.entry = 0x3fff000011ff, .misc = 0x403c0, FIXED(0x27ff), .vmcs_enum = 0x2c, .secondary = 0x4100000000 } },
	/* lxylxy123456/uberxmhf, bug_081/README.md: RDMSR 480h to 493h on an HP EliteBook 2540p. */
	{ "HP 2540p's Core (Westmere, 2010)", NULL, 1, .has = {
		.basic = 0xda04000000000f, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x401e7, FIXED(0x267ff),
		.vmcs_enum = 0x2a, .secondary = 0xff00000000, .ept_vpid = 0xf0106114141 } },
	{ "Core i7-2635QM (Sandy Bridge, 2011)", NULL, 1, .has = { /* VirtualBox, Intel_Core_i7_2635QM.h */
		.basic = 0xda040000000010, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x100401e5, FIXED(0x627ff),
		.vmcs_enum = 0x2a, .secondary = 0xff00000000, .ept_vpid = 0xf0106114141 } },
	{ "Core i7-3960X (Sandy Bridge E, 2011)", NULL, 2, .has = { /* VirtualBox, Intel_Core_i7_3960X.h */
		.basic = 0xda040000000010, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x100401e5, FIXED(0x627ff),
		.vmcs_enum = 0x2a, .secondary = 0x4ff00000000, .ept_vpid = 0xf0106134141 } },
	{ "Core i5-3570 (Ivy Bridge, 2012)", NULL, 1, .has = { /* VirtualBox, Intel_Core_i5_3570.h */
		.basic = 0xda040000000010, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x100401e5, FIXED(0x1767ff),
		.vmcs_enum = 0x2a, .secondary = 0x8ff00000000, .ept_vpid = 0xf0106114141 } },
	/* InstLatx64, GenuineIntel00306C3_Haswell_CPUID.txt: AIDA64's dump, 480h to 490h (not 491h). */
	{ "Core i7-4770 (Haswell, 2013)", NULL, 2, .accessed_dirty = true, .invpcid = true, .has = {
		.basic = 0xda040000000012, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x300481e5, FIXED(0x1767ff),
		.vmcs_enum = 0x2a, .secondary = 0x7cff00000000, .ept_vpid = 0xf0106334141 } },
	{ "Core i7-5600U (Broadwell, 2015)", NULL, 2, .accessed_dirty = true, .invpcid = true, .has = { /* VirtualBox, Intel_Core_i7_5600U.h */
		.basic = 0xda040000000012, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x300481e5, FIXED(0x3767ff),
		.vmcs_enum = 0x2a, .secondary = 0x57cff00000000, .ept_vpid = 0xf0106334141, .vmfunc = 1 } },
	{ "Core i7-6700K (Skylake, 2015)", NULL, 2, .accessed_dirty = true, .invpcid = true, .encls = true, .has = { /* VirtualBox, Intel_Core_i7_6700K.h */
		.basic = 0xda040000000004, COMMON_PIN, COMMON_PRIMARY, .exit = 0x1ffffff00036dff, .entry = 0x3ffff000011ff,
		.misc = 0x7004c1e7, FIXED(0x3727ff), .vmcs_enum = 0x2e, .secondary = 0x1ffcff00000000, .ept_vpid = 0xf0106334141,
		.true_exit = 0x1ffffff00036dfb, .true_entry = 0x3ffff000011fb, .vmfunc = 1 } },
	/* InstLatx64, GenuineIntel00806C1_TigerLake_CPUID.txt: AIDA64's dump, 480h to 490h (not 491h). */
	{ "Core i5-1135G7 (Tiger Lake, 2020)", NULL, 2, .accessed_dirty = true, .invpcid = true, .apic = true, .posted = true, .has = {
		.basic = 0x1da050000000013, .pin = 0xff00000016, .true_pin = 0xff00000016, .primary = 0xfffbfffe0401e172,
		.true_primary = 0xfffbfffe04006172, .exit = 0x137fffff00036dff, .true_exit = 0x137fffff00036dfb,
		.entry = 0x16ffff000011ff, .true_entry = 0x16ffff000011fb, .misc = 0x7004c1e7, FIXED(0xff2fff), .vmcs_enum = 0x2e,
		.secondary = 0x35f3fff00000000, .ept_vpid = 0xf0106f34141 } },
	{ "Pentium N3530 (Silvermont Atom, 2014)", NULL, 1, .has = { /* VirtualBox, Intel_Pentium_N3530_2_16GHz.h */
		.basic = 0xda040000000002, COMMON_PIN, COMMON_PRIMARY, COMMON_EXIT_ENTRY, .misc = 0x481e6, FIXED(0x1027ff),
		.vmcs_enum = 0x2e, .secondary = 0x28ef00000000, .ept_vpid = 0xf0106114141, .vmfunc = 1 } },
	/* Not silicon: read here by GRUB's rdmsr command on Bochs 2.7 (Debian 12), cpu: model=tigerlake; 491h was not readable. */
	{ "Bochs 2.7, tigerlake", NULL, 2, .accessed_dirty = true, .invpcid = true, .apic = true, .has = {
		.basic = 0x1d8100000000004, COMMON_PIN, COMMON_PRIMARY, .exit = 0x107fffff00036dff, .entry = 0x10ffff000011ff,
		.misc = 0x600401e0, FIXED(0xf72fff), .vmcs_enum = 0x34, .secondary = 0x2977fff00000000, .ept_vpid = 0xf0106b34141,
		.true_exit = 0x107fffff00036dfb, .true_entry = 0x10ffff000011fb } },
};
#define PROCESSORS (sizeof(processors) / sizeof(processors[0]))

/* The MSRs that decide about each word: the TRUE ones where BASIC's bit 55 says that they are there (A.3 to A.5). */
static void words_allowed(const struct vmx_capabilities *has, uint64_t *allowed)
{
	bool exact = has->basic >> 55 & 1;
	allowed[VMX_PIN] = exact ? has->true_pin : has->pin;
	allowed[VMX_PRIMARY] = exact ? has->true_primary : has->primary;
	allowed[VMX_SECONDARY] = has->secondary;
	allowed[VMX_EXIT] = exact ? has->true_exit : has->exit;
	allowed[VMX_ENTRY] = exact ? has->true_entry : has->entry;
}

static void every_allowed_bit_is_honoured(void **state)
{
	for (unsigned i = 0; i < PROCESSORS; i++) {
		struct vmx_controls c;
		uint64_t allowed[VMX_WORDS];
		if (vmx_controls_choose(&processors[i].has, &c) != NULL) {
			continue;
		}
		words_allowed(&processors[i].has, allowed);
		for (unsigned w = 0; w < VMX_WORDS; w++) {
			uint32_t must = (uint32_t)allowed[w], may = (uint32_t)(allowed[w] >> 32);
			assert_int_equal(must & ~c.word[w], 0);
			assert_int_equal(c.word[w] & ~may, 0);
		}
	}
}

/* 24.6 to 24.8: what the hypervisor cannot be without, and what it must leave off, whatever the processor allows. */
static void guests_get_what_they_need(void **state)
{
	for (unsigned i = 0; i < PROCESSORS; i++) {
		struct vmx_controls c;
		const struct processor *p = &processors[i];
		const char *missing = vmx_controls_choose(&p->has, &c);
		if (p->missing) {
			assert_non_null(missing);
			assert_non_null(strstr(missing, p->missing));
			continue;
		}
		if (missing) {
			fail_msg("%s: %s", p->name, missing);
		}
		/* External-interrupt and NMI exiting, virtual NMIs, preemption timer. */
		uint32_t pin = BIT(0) | BIT(3) | BIT(5) | BIT(6);
		assert_int_equal(c.word[VMX_PIN] & pin, pin);
		assert_int_equal(c.word[VMX_PIN] >> 7 & 1, p->posted);
		/* HLT, MWAIT, RDPMC, TPR shadow, I/O, MSR bitmaps, MONITOR, secondary; neither CR3 exits nor windows, CR8 or RDTSC. */
		uint32_t on = BIT(7) | BIT(10) | BIT(11) | BIT(21) | BIT(24) | BIT(28) | BIT(29) | BIT(31);
		uint32_t off = BIT(2) | BIT(12) | BIT(15) | BIT(16) | BIT(19) | BIT(20) | BIT(22) | BIT(25) | BIT(27);
		assert_int_equal(c.word[VMX_PRIMARY] & (on | off), on);
		/* EPT, VPID, WBINVD, unrestricted guest; no VMFUNC, no shadow VMCS, no XSAVES, no PML. */
		on = BIT(1) | BIT(5) | BIT(6) | BIT(7);
		off = BIT(13) | BIT(14) | BIT(17) | BIT(20);
		assert_int_equal(c.word[VMX_SECONDARY] & (on | off), on);
		assert_int_equal(c.word[VMX_SECONDARY] >> 12 & 1, p->invpcid);
		assert_int_equal(c.word[VMX_SECONDARY] >> 15 & 1, p->encls);
		/* A 64-bit host, interrupts acknowledged, EFER saved and loaded. */
		on = BIT(9) | BIT(15) | BIT(20) | BIT(21);
		assert_int_equal(c.word[VMX_EXIT] & on, on);
		/* EFER loaded; IA-32e mode is the guest's to choose: a guest begins in 32 bits. No SMM. */
		assert_int_equal(c.word[VMX_ENTRY] & (BIT(15) | BIT(9) | BIT(10) | BIT(11)), BIT(15));
	}
}

/* Virtual APIC registers, x2APIC and virtual-interrupt delivery come together or not at all; posting needs them. */
static void the_virtual_apic_is_whole(void **state)
{
	const uint32_t all = BIT(4) | BIT(8) | BIT(9);
	for (unsigned i = 0; i < PROCESSORS; i++) {
		struct vmx_controls c;
		if (processors[i].missing) {
			continue;
		}
		assert_null(vmx_controls_choose(&processors[i].has, &c));
		assert_int_equal(c.virtual_apic, processors[i].apic);
		assert_int_equal(c.word[VMX_SECONDARY] & all, processors[i].apic ? all : 0);
		assert_int_equal(c.posted, processors[i].posted);
		assert_true(!c.posted || (c.virtual_apic && c.word[VMX_PIN] & BIT(7) && c.word[VMX_EXIT] & BIT(15)));
	}
}

static void nested_paging_is_what_the_processor_walks(void **state)
{
	for (unsigned i = 0; i < PROCESSORS; i++) {
		struct vmx_controls c;
		const struct processor *p = &processors[i];
		if (p->missing) {
			continue;
		}
		assert_null(vmx_controls_choose(&p->has, &c));
		assert_int_equal(c.ept_leaf, p->leaf);
		assert_int_equal(c.eptp, p->accessed_dirty ? 0x5e : 0x1e); /* 24.6.11: write-back, 4 levels, A/D */
		/* A.10: all of these have INVEPT and INVVPID of a single context. */
		assert_int_equal(c.invept, 1);
		assert_int_equal(c.invvpid, 1);
		assert_int_equal(c.revision, p->has.basic & 0x7fffffff);
		assert_int_equal(c.preemption_shift, p->has.misc & 31);
		/* 23.8: unrestricted guests choose PE and PG. */
		assert_int_equal(c.cr0_fixed, 0x20);
		assert_int_equal(c.cr4_fixed, 0x2000);
	}
}

static const struct processor *processor_named(const char *word)
{
	for (unsigned i = 0; i < PROCESSORS; i++) {
		if (strstr(processors[i].name, word)) {
			return &processors[i];
		}
	}
	fail_msg("%s", word);
	return NULL;
}

/* Each thing that it cannot do without, taken from a processor that has it, is missed. */
static void whatever_is_taken_away_is_missed(void **state)
{
	static const struct {
		size_t msr;
		unsigned bit;
	} taken[] = {
		{ offsetof(struct vmx_capabilities, true_pin), 32 + 0 }, { offsetof(struct vmx_capabilities, true_pin), 32 + 3 },
		{ offsetof(struct vmx_capabilities, true_pin), 32 + 5 }, { offsetof(struct vmx_capabilities, true_pin), 32 + 6 },
		{ offsetof(struct vmx_capabilities, true_primary), 32 + 2 }, { offsetof(struct vmx_capabilities, true_primary), 32 + 7 },
		{ offsetof(struct vmx_capabilities, true_primary), 32 + 22 }, { offsetof(struct vmx_capabilities, true_primary), 32 + 28 },
		{ offsetof(struct vmx_capabilities, primary), 32 + 31 }, { offsetof(struct vmx_capabilities, secondary), 32 + 1 },
		{ offsetof(struct vmx_capabilities, secondary), 32 + 5 }, { offsetof(struct vmx_capabilities, secondary), 32 + 7 },
		{ offsetof(struct vmx_capabilities, true_exit), 32 + 9 }, { offsetof(struct vmx_capabilities, true_exit), 32 + 15 },
		{ offsetof(struct vmx_capabilities, true_exit), 32 + 20 }, { offsetof(struct vmx_capabilities, true_exit), 32 + 21 },
		{ offsetof(struct vmx_capabilities, true_entry), 32 + 15 }, { offsetof(struct vmx_capabilities, ept_vpid), 6 },
		{ offsetof(struct vmx_capabilities, ept_vpid), 14 }, { offsetof(struct vmx_capabilities, ept_vpid), 20 },
		{ offsetof(struct vmx_capabilities, ept_vpid), 32 },
	};
	for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct vmx_capabilities has = processor_named("Skylake")->has;
		struct vmx_controls c;
		uint64_t *msr = (uint64_t *)((char *)&has + taken[i].msr);
		assert_true(*msr >> taken[i].bit & 1);
		*msr &= ~(1ull << taken[i].bit);
		if (vmx_controls_choose(&has, &c) == NULL) {
			fail_msg("nothing missed bit %u of the capability at %zu", taken[i].bit, taken[i].msr);
		}
	}
}

/* Without the TRUE MSRs CR3 exits cannot be left off (A.2), so no guest runs. */
static void the_older_msrs_count_where_the_true_ones_are_not(void **state)
{
	struct vmx_capabilities has = processor_named("Skylake")->has;
	struct vmx_controls c;
	has.basic &= ~(1ull << 55);
	has.true_pin = has.true_primary = has.true_exit = has.true_entry = 0;
	assert_non_null(vmx_controls_choose(&has, &c));
	has.primary = processor_named("Skylake")->has.true_primary; /* as if they could */
	assert_null(vmx_controls_choose(&has, &c));
	assert_int_equal(c.word[VMX_EXIT] & BIT(2), BIT(2));
}

/* Fewer EPT and VPID capabilities: smaller leaves, wider invalidations. */
static void less_is_used_where_less_is_there(void **state)
{
	struct vmx_capabilities has = processor_named("Tiger")->has;
	struct vmx_controls c;
	has.ept_vpid &= ~(1ull << 17 | 1ull << 25 | 1ull << 41);
	assert_null(vmx_controls_choose(&has, &c));
	assert_int_equal(c.ept_leaf, 1);
	assert_int_equal(c.invept, 2);
	assert_int_equal(c.invvpid, 2);
	has.ept_vpid &= ~(1ull << 16);
	has.secondary &= ~(1ull << 40); /* no APIC-register virtualization: nothing of the virtual APIC */
	assert_null(vmx_controls_choose(&has, &c));
	assert_int_equal(c.ept_leaf, 0);
	assert_false(c.virtual_apic);
	assert_false(c.posted);
	assert_int_equal(c.word[VMX_PIN] & BIT(7), 0);
}

/* A deadline is what a guest asked for, near or past the clock's end too: the timer is never 0, which would let no guest run. */
static void the_timer_lets_guests_run(void **state)
{
	assert_true(vmx_timer_cycles(0, 1000, 20, 5000) == 5000);
	assert_true(vmx_timer_cycles(1100, 1000, 20, 5000) == 120);
	assert_true(vmx_timer_cycles(900, 1000, 20, 5000) == 20);
	assert_true(vmx_timer_cycles(5999, 1000, 20, 5000) == 5000);
	assert_true(vmx_timer_cycles(UINT64_MAX, 1000, 20, 5000) == 5000);
	assert_true(vmx_timer_cycles(UINT64_MAX - 10, 1000, 20, 5000) == 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allowed_bit_is_honoured),
		cmocka_unit_test(guests_get_what_they_need),
		cmocka_unit_test(the_virtual_apic_is_whole),
		cmocka_unit_test(nested_paging_is_what_the_processor_walks),
		cmocka_unit_test(whatever_is_taken_away_is_missed),
		cmocka_unit_test(the_older_msrs_count_where_the_true_ones_are_not),
		cmocka_unit_test(less_is_used_where_less_is_there),
		cmocka_unit_test(the_timer_lets_guests_run),
	};
	return cmocka_run_group_tests_name("VMX controls", tests, NULL, NULL);
}
