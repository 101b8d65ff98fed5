# SPDX-License-Identifier: MIT
UNIT_epoch := guest-kernel/sched/epoch.c
$(BUILD)/check/tests/unit/epoch.c.o: CHECK_FLAGS += -Iguest-kernel -DCONFIG_DEBUG=1
