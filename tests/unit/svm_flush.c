/* SPDX-License-Identifier: MIT */
/*
 * Stale translations of a guest on SVM (tests/model/flush_rules.h): VMRUN drops them as TLB_CONTROL says (APM vol. 2, 15.16.1),
 * and only those of its ASID.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/vmm/svm.h"
#include "tests/model/flush_rules.h"
#include "tests/model/guest.h"

struct vmm_ops vmx_ops; /* the other vendor is not in this program */

/* The registers are the vCPU's first member. */
void svm_enter(struct vcpu_regs *regs, uint64_t vmcb, uint64_t host_vmcb)
{
	struct vcpu *v = (struct vcpu *)regs;
	struct vmcb *c = (struct vmcb *)vmcb;
	bool own = c->asid != 0 && c == v->vmm && c->nested_cr3 == v->nested_root.value && (c->nested_enable & 1);
	if (own && (c->tlb_control == 1 || c->tlb_control == 3)) { /* all; this guest's */
		guest_invalidate(v);
	}
	guest_run(v);
	c->exit_code = SVM_EXIT_INTR;
}

static void prepare(void)
{
	npt_format_init();
	svm_features = (struct svm_features){ .asid_count = 64, .next_rip = true, .flush_by_asid = true };
	vmm = &svm_ops;
}

const struct guest_hardware guest_hardware = { .format = &walk_npt, .prepare = prepare };

/* Processors without flush by ASID flush everything. */
static void without_flush_by_asid(void **state)
{
	svm_features.flush_by_asid = false;
	a_narrowed_grant_is_taken_back_too(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_leaves_a_stale_translation),
		cmocka_unit_test(a_narrowed_grant_is_taken_back_too),
		cmocka_unit_test(a_flag_that_is_not_set),
		cmocka_unit_test(a_flag_that_is_set_too_late),
		cmocka_unit_test(an_entry_that_is_not_told),
		cmocka_unit_test(tables_that_change_after_the_flush),
		cmocka_unit_test(a_flag_that_nobody_obeys),
		cmocka_unit_test(without_flush_by_asid),
	};
	return cmocka_run_group_tests_name("flushes on SVM", tests, flush_rules_start, NULL);
}
