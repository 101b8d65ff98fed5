# SPDX-License-Identifier: MIT
UNIT_place := guest-kernel/sched/place.c guest-kernel/sched/policy.c
$(BUILD)/check/tests/unit/place.c.o: CHECK_FLAGS += -Iguest-kernel
