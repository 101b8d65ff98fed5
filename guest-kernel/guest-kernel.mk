# SPDX-License-Identifier: MIT
# The guest kernel: every source below guest-kernel/, the base routines, the virtio ring, and the driver components that also run
# in driver domains (DRIVER_COMPONENTS, driver-domains.mk). `make DEBUG=1` adds the lock checks.
DEBUG ?= 0
FLAGS_guest-kernel := -Iguest-kernel/include -Iguest-kernel -Idriver-domains -DCONFIG_DEBUG=$(DEBUG)

# The lock checks are linked where they are called.
KERNEL_LEFT_OUT := $(if $(filter 1,$(DEBUG)),,$(wildcard guest-kernel/sched/lock_*.c))
KERNEL_SOURCES = $(filter-out $(KERNEL_LEFT_OUT),$(wildcard guest-kernel/*.c guest-kernel/*/*.c guest-kernel/*/*/*.c guest-kernel/*/*.asm) \
	$(wildcard lib/base/*.c lib/virtio/*.c lib/ext4/*.c) $(DRIVER_COMPONENTS))
KERNEL_OBJECTS = $(call free_objects,$(KERNEL_SOURCES)) $(KERNEL_EXTRA_OBJECTS)
KERNEL_LINK = $(CC) $(FREE_LDFLAGS) -Wl,-T,guest-kernel/guest-kernel.ld

.SECONDEXPANSION:
$(BUILD)/guest-kernel.elf: $$(KERNEL_OBJECTS) guest-kernel/guest-kernel.ld guest-kernel/symbols.awk
	@mkdir -p $(@D)
	$(call say,LD,$@)
ifeq ($(DEBUG),1)
	$(Q)$(KERNEL_LINK) -o $@.nameless $(KERNEL_OBJECTS)
	$(Q)nm -n $@.nameless | awk -f guest-kernel/symbols.awk >$@.symbols.asm
	$(Q)$(NASM) -f elf64 -o $@.symbols.o $@.symbols.asm
	$(Q)$(KERNEL_LINK) -o $@ $(KERNEL_OBJECTS) $@.symbols.o
else
	$(Q)$(KERNEL_LINK) -o $@ $(KERNEL_OBJECTS)
endif

ALL += $(BUILD)/guest-kernel.elf

# The same with the lock checks, for the boot tests that run several processors.
$(BUILD)/debug/guest-kernel.elf: $(BUILD)/guest-kernel.elf
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/debug DEBUG=1 $@
	@touch $@

.PHONY: kernel-debug
kernel-debug: $(BUILD)/debug/guest-kernel.elf
