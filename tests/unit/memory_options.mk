# SPDX-License-Identifier: MIT
UNIT_memory_options := guest-kernel/fs/memory_options.c lib/base/string.c
$(BUILD)/check/tests/unit/memory_options.c.o: CHECK_FLAGS += -Iguest-kernel
