# SPDX-License-Identifier: MIT
# Programs that try the guest with what nobody would write: tests/fuzz/NAME.c becomes build/tests/fuzz/NAME, static by musl.
FUZZ_TESTS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-result
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c lib/base/big_endian.h
	@mkdir -p $(@D)
	$(call say,MUSL,$<)
	$(Q)musl-gcc $(FUZZ_FLAGS) -static -o $@ $<
# A program of the third kind, for elf.c to damage.
$(BUILD)/tests/fuzz/static-pie:
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)echo 'void _start(void) { __asm__ volatile("syscall" : : "a"(60), "D"(0)); }' | $(CC) -x c -O1 -fPIE -nostdlib -static-pie -o $@ -
.PHONY: fuzz-tests
fuzz-tests: $(FUZZ_TESTS) $(BUILD)/tests/fuzz/static-pie
ALL += $(FUZZ_TESTS) $(BUILD)/tests/fuzz/static-pie
