/* SPDX-License-Identifier: MIT */
/* AMD-Vi under the model: tests/model/iommu_rules.h, with the hardware of tests/model/amdvi_hardware.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/model/iommu_rules.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_is_old_or_new),
		cmocka_unit_test(commands_that_are_not_given),
		cmocka_unit_test(commands_in_the_wrong_order),
		cmocka_unit_test(a_flush_that_does_nothing),
		cmocka_unit_test(an_attachment_to_the_wrong_tables),
		cmocka_unit_test(stores_that_go_wrong),
		cmocka_unit_test(a_unit_that_is_forgotten),
	};
	return cmocka_run_group_tests_name("AMD-Vi under the model", tests, iommu_rules_start, NULL);
}
