# SPDX-License-Identifier: MIT
UNIT_place := guest-kernel/sched/place.c
$(BUILD)/check/tests/unit/place.c.o: CHECK_FLAGS += -Iguest-kernel
