# SPDX-License-Identifier: MIT
# Unit tests: tests/unit/NAME.c is a CMocka program; tests/unit/NAME.mk names the files that it links beside it:
#   UNIT_NAME := lib/base/crc32.c hv/mem/paging.c
#   LIBS_NAME := -lm            (if it needs more than CMocka)
#   RECORD_NAME := hv/mem/paging.c   (linked too, but every load and store of theirs is seen by $(MODEL): tests/model/record.h)
# They are built in the check flavour (AddressSanitizer, UBSan) and run by `make unit`.
MODEL := $(addprefix tests/model/,record.c memory.c ideal.c walk.c tlb.c)
include $(wildcard tests/unit/*.mk tests/domains/*.mk)
include tests/guest/guest.mk
include tests/linux/linux.mk
include tests/fuzz/fuzz.mk
include tests/kvm/kvm.mk
UNIT_NAMES := $(basename $(notdir $(wildcard tests/unit/*.c)))
FLAGS_tests := -Ihv/include -Iguest-kernel/include -Iguest-kernel -Idriver-domains -Ivmtools -I.

# The instrumentation is the thread sanitizer's, the functions that it calls are tests/model/record.c's.
RECORD_FLAGS := $(filter-out -fsanitize=%,$(CHECK_FLAGS)) -fsanitize=thread,undefined -ffunction-sections -Wno-tsan --param tsan-instrument-func-entry-exit=0
record_objects = $(patsubst %,$(BUILD)/record/%.o,$(1))
$(BUILD)/record/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,"$< (record)")
	$(Q)$(CC) $(RECORD_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@

define unit_rule
$(BUILD)/tests/$(1): $$(call check_objects,tests/unit/$(1).c $$(UNIT_$(1))) $$(call record_objects,$$(RECORD_$(1)))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) -fsanitize=address,undefined -o $$@ $$^ -lcmocka $$(LIBS_$(1))
endef
$(foreach name,$(UNIT_NAMES),$(eval $(call unit_rule,$(name))))

.PHONY: unit unit-programs
unit-programs: $(addprefix $(BUILD)/tests/,$(UNIT_NAMES))
unit: unit-programs
	@failed=0; for t in $(addprefix $(BUILD)/tests/,$(UNIT_NAMES)); do timeout 120 $$t || failed=1; done; exit $$failed

# The benchmark program that runs in the guest: static, by musl, so that it is small and makes no system calls of its own accord.
$(BUILD)/bench: $(filter-out %/speedup.c %/lookup.c,$(wildcard tests/bench/*.c)) tests/bench/bench.h
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -Wno-missing-field-initializers -static -o $@ $(filter %.c,$^)
ALL += $(BUILD)/bench

# The guest's side of `vmctl bench net`.
$(BUILD)/bench-net: $(wildcard tests/bench/net/*.c) tests/bench/exits.c tests/bench/net/net.h tests/bench/bench.h
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -Wno-missing-field-initializers -static -o $@ $(filter %.c,$^)
ALL += $(BUILD)/bench-net

# The host's side of tests/network.
$(BUILD)/net-client: $(call host_objects,tests/network/client.c vmtools/load.c)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^
$(BUILD)/net-wire: $(call host_objects,tests/network/wire.c)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^
$(BUILD)/net-traffic: tests/network/traffic.c
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -Wno-missing-field-initializers -static -o $@ $<
ALL += $(BUILD)/net-client $(BUILD)/net-wire $(BUILD)/net-traffic

# A guest that dies at once, for the boot tests.
$(BUILD)/triple-fault.elf: $(call free_objects,tests/boot/triple-fault.asm)
	$(call say,LD,$@)
	$(Q)$(CC) $(FREE_LDFLAGS) -Wl,-Ttext=0x100000,-e,entry -o $@ $<
ALL += $(BUILD)/triple-fault.elf
