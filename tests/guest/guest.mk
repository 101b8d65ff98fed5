# SPDX-License-Identifier: MIT
# Programs that try the system-call interface: tests/guest/NAME.c becomes build/tests/guest/NAME, static by musl. The same
# binary runs on the host's Linux and in the guest kernel, and must print the same.
GUEST_TESTS := $(patsubst tests/guest/%.c,$(BUILD)/tests/guest/%,$(wildcard tests/guest/*.c))
$(BUILD)/tests/guest/%: tests/guest/%.c $(wildcard tests/guest/*.h)
	@mkdir -p $(@D)
	$(call say,MUSL,$<)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-unused-parameter $(KERNEL_HEADERS) -static -o $@ $<
# What musl has no headers of.
$(BUILD)/tests/guest/packet: KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
.PHONY: guest-tests guest-tests-host
guest-tests: $(GUEST_TESTS)
# The judge of the tests themselves: Linux passes them all.
guest-tests-host: guest-tests
	@failed=0; for t in $(GUEST_TESTS); do timeout 60 $$t || failed=1; done; exit $$failed
ALL += $(GUEST_TESTS)
