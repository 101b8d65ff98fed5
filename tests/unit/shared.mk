# SPDX-License-Identifier: MIT
UNIT_shared := guest-kernel/mm/shared.c guest-kernel/mm/radix.c tests/fake/locks.c
$(BUILD)/check/tests/unit/shared.c.o: CHECK_FLAGS += -Iguest-kernel
