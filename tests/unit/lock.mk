# SPDX-License-Identifier: MIT
UNIT_lock := guest-kernel/sched/lock.c
$(BUILD)/check/tests/unit/lock.c.o: CHECK_FLAGS += -Iguest-kernel
