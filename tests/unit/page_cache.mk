# SPDX-License-Identifier: MIT
UNIT_page_cache := $(addprefix guest-kernel/fs/,page_cache.c page_read.c page_write.c page_io.c mapped.c) guest-kernel/mm/radix.c tests/fake/block_map.c \
	tests/fake/threads.c
$(BUILD)/check/tests/unit/page_cache.c.o: CHECK_FLAGS += -Iguest-kernel
