# SPDX-License-Identifier: MIT
UNIT_direct := $(addprefix guest-kernel/fs/,page_cache.c page_read.c page_write.c page_io.c page_punch.c direct.c mapped.c) guest-kernel/mm/radix.c \
	tests/fake/block_map.c tests/fake/threads.c
$(BUILD)/check/tests/unit/direct.c.o: CHECK_FLAGS += -Iguest-kernel
