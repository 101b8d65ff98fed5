# SPDX-License-Identifier: MIT
UNIT_futex := guest-kernel/process/futex.c tests/fake/threads.c
$(BUILD)/check/tests/unit/futex.c.o: CHECK_FLAGS += -Iguest-kernel
