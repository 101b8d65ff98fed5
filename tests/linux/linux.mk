# SPDX-License-Identifier: MIT
# Programs that print what system calls do: tests/linux/NAME.c becomes build/tests/linux/NAME, static by musl, for Linux and the guest alike.
# Arguments that the C library's declarations rule out are cases here.
LINUX_CALLS := $(patsubst tests/linux/%.c,$(BUILD)/tests/linux/%,$(wildcard tests/linux/*.c))
$(BUILD)/tests/linux/%: tests/linux/%.c $(wildcard tests/linux/*.h) tests/guest/connection.h
	@mkdir -p $(@D)
	$(call say,MUSL,$<)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-value -Wno-nonnull -Wno-unused-result \
		-Wno-type-limits -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds $(KERNEL_HEADERS) -static -pthread -o $@ $<
# What musl has no headers of.
$(addprefix $(BUILD)/tests/linux/,inet_news inet_path packet): KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
ALL += $(LINUX_CALLS)
