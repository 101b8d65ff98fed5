# SPDX-License-Identifier: MIT
# Programs that try the guest with what nobody would write: tests/fuzz/NAME.c becomes build/tests/fuzz/NAME, static by musl.
FUZZ_TESTS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/*.c))
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(call say,MUSL,$<)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-result -static -o $@ $<
.PHONY: fuzz-tests
fuzz-tests: $(FUZZ_TESTS)
ALL += $(FUZZ_TESTS)
