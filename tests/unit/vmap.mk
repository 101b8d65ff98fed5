# SPDX-License-Identifier: MIT
UNIT_vmap := guest-kernel/mm/vmap.c tests/fake/locks.c
$(BUILD)/check/tests/unit/vmap.c.o: CHECK_FLAGS += -Iguest-kernel
