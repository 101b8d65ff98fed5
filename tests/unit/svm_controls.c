/* SPDX-License-Identifier: MIT */
/*
 * What SVM is used with, from CPUID 8000_000Ah of real processors, and the VMCB that a reset makes, against the consistency
 * checks of VMRUN (APM vol. 2, 15.5.1). The CPUID values are facts, each with the place that published it; for family 19h none
 * was found. The files' other needs are met by tests/model/flush_rules.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/pool.h"
#include "hv/vmm/svm.h"
#include "tests/model/flush_rules.h"
#include "tests/model/guest.h"
#include "tests/model/memory.h"

static const struct {
	const char *name;
	uint32_t cpuid[4]; /* 8000_000Ah: EAX to EDX */
	const char *missing;
	bool next_rip, flush_by_asid;
} processors[] = {
	/* VirtualBox, src/VBox/VMM/VMMR3/cpus/: as VBoxCpuReport read them. */
	{ "Athlon 64 X2 4200+ (family 0Fh)", { 1, 0x40, 0, 0 }, "nested paging", false, false }, /* AMD_Athlon_64_X2_Dual_Core_4200.h */
	{ "Phenom II X6 1100T (10h)", { 1, 0x40, 0, 0x40f }, NULL, true, false }, /* AMD_Phenom_II_X6_1100T.h */
	{ "FX-8150 (15h)", { 1, 0x10000, 0, 0x14ff }, NULL, true, true }, /* AMD_FX_8150_Eight_Core.h */
	{ "Ryzen 7 1800X (17h)", { 1, 0x8000, 0, 0x1bcff }, NULL, true, true }, /* AMD_Ryzen_7_1800X_Eight_Core.h */
	/* Not silicon: NPT, VGIF (bit 16) and SVME_ADDR_CHK (bit 28) are all that QEMU 7.2's TCG keeps of what -cpu max asks for. */
	{ "QEMU 7.2 TCG, -cpu max", { 1, 0x10, 0, 1 | 1 << 16 | 1 << 28 }, NULL, false, false },
};

static void features_of_real_processors(void **state)
{
	for (unsigned i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
		struct svm_features f;
		const char *missing = svm_features_choose(processors[i].cpuid, 0, &f);
		if (processors[i].missing) {
			assert_non_null(missing);
			assert_non_null(strstr(missing, processors[i].missing));
			continue;
		}
		assert_null(missing);
		assert_int_equal(f.asid_count, processors[i].cpuid[1]);
		assert_int_equal(f.next_rip, processors[i].next_rip);
		assert_int_equal(f.flush_by_asid, processors[i].flush_by_asid);
		missing = svm_features_choose(processors[i].cpuid, 1 << 4, &f); /* VM_CR.SVMDIS, 15.30.1 */
		assert_non_null(missing);
		assert_non_null(strstr(missing, "firmware"));
	}
}

static struct vcpu *vcpu_new(void)
{
	struct vcpu *v = pool_alloc(1, 1);
	v->nested_root = pool_hpa(pool_alloc(1, 1));
	assert_int_equal(vmm->vcpu_init(v), 0);
	return v;
}

/* 15.5.1: what VMRUN refuses. */
static void allowed_or_not(const struct vmcb *c)
{
	assert_true(c->efer & 1 << 12); /* SVME */
	assert_int_equal(c->efer & ~0x1d01ull, 0);
	assert_false(!(c->cr0 & 1 << 30) && c->cr0 & 1 << 29); /* CD 0 with NW 1 */
	assert_int_equal(c->cr0 >> 32, 0);
	assert_int_equal(c->cr3, 0);
	assert_int_equal(c->cr4, 0);
	assert_int_equal(c->dr6 >> 32 | c->dr7 >> 32, 0);
	assert_true(c->intercept2 & 1); /* VMRUN */
	assert_int_not_equal(c->asid, 0);
	assert_int_equal(c->iopm % 4096 | c->msrpm % 4096 | c->nested_cr3 % 4096, 0);
	assert_int_equal(c->nested_enable, 1);
}

/* 15.9, table B-1, bits of 00Ch and 010h: everything that could leave the compartment. */
static void left_for_what_it_must(const struct vmcb *c)
{
	static const unsigned misc1[] = { 0, 1, 3, 15, 18, 22, 24, 26, 27, 28, 29, 31 }; /* INTR NMI INIT RDPMC CPUID INVD HLT INVLPGA IO MSR task shutdown */
	static const unsigned misc2[] = { 0, 1, 2, 3, 4, 5, 6, 10, 11, 12 }; /* VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT MONITOR MWAIT */
	for (unsigned i = 0; i < sizeof(misc1) / sizeof(misc1[0]); i++) {
		assert_true(c->intercept1 >> misc1[i] & 1);
	}
	for (unsigned i = 0; i < sizeof(misc2) / sizeof(misc2[0]); i++) {
		assert_true(c->intercept2 >> misc2[i] & 1);
	}
	assert_true(c->exceptions >> 18 & 1); /* #MC */
	assert_true(c->exceptions >> 17 & 1 && c->exceptions >> 1 & 1); /* #AC and #DB can loop in microcode */
	assert_int_equal(c->cr_read | c->cr_write | c->dr_read | c->dr_write, 0); /* and these cost no exit */
}

static void a_reset_makes_a_vmcb_that_runs(void **state)
{
	struct vcpu *v = vcpu_new();
	struct vmcb *c = v->vmm;
	vmm->vcpu_reset_pvh(v, 0x100000, 0x5000);
	allowed_or_not(c);
	left_for_what_it_must(c);
	assert_int_equal(c->nested_cr3, v->nested_root.value);
	assert_true(c->cr0 & 1);
	assert_false(c->cr0 >> 31 & 1);
	assert_int_equal(v->regs.rip, 0x100000);
	assert_int_equal(v->regs.rbx, 0x5000);
	assert_true(v->flush);
	uint32_t asid = c->asid;
	v->flush = false;
	vmm->vcpu_reset_startup(v, 0x9f);
	allowed_or_not(c);
	left_for_what_it_must(c);
	assert_int_equal(c->asid, asid);
	assert_false(c->cr0 & 1);
	assert_int_equal(c->cs.base, 0x9f000); /* the page that the SIPI names */
	assert_int_equal(c->cs.selector, 0x9f00);
	assert_int_equal(v->regs.rip, 0);
	assert_true(v->flush);
}

static void asids_are_never_shared_nor_too_many(void **state)
{
	uint32_t before = 0;
	svm_features.asid_count = 8;
	for (;;) {
		struct vcpu *v = pool_alloc(1, 1);
		if (vmm->vcpu_init(v) != 0) {
			break;
		}
		uint32_t asid = ((struct vmcb *)v->vmm)->asid;
		assert_true(asid > before && asid < 8);
		before = asid;
	}
	assert_int_equal(before, 7);
}

/* ---- the hardware, which does not run here ---- */

struct vmm_ops vmx_ops;

void svm_enter(struct vcpu_regs *regs, uint64_t vmcb, uint64_t host_vmcb)
{
}

const struct guest_hardware guest_hardware = { .format = &walk_npt };

static int prepare(void **state)
{
	memory_reset();
	svm_features.asid_count = 64;
	vmm = &svm_ops;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_of_real_processors),
		cmocka_unit_test(a_reset_makes_a_vmcb_that_runs),
		cmocka_unit_test(asids_are_never_shared_nor_too_many),
	};
	return cmocka_run_group_tests_name("SVM controls", tests, prepare, NULL);
}
