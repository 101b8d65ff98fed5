# SPDX-License-Identifier: MIT
# The guest kernel: every source below guest-kernel/, the base routines, the virtio ring, and the driver components that also run
# in driver domains (DRIVER_COMPONENTS, driver-domains.mk). `make DEBUG=1` adds the lock checks.
DEBUG ?= 0
FLAGS_guest-kernel := -Iguest-kernel/include -Iguest-kernel -Idriver-domains -DCONFIG_DEBUG=$(DEBUG)

KERNEL_SOURCES = $(wildcard guest-kernel/*.c guest-kernel/*/*.c guest-kernel/*/*/*.c guest-kernel/*/*.asm) \
	$(wildcard lib/base/*.c lib/virtio/*.c lib/ext4/*.c) $(DRIVER_COMPONENTS)
KERNEL_OBJECTS = $(call free_objects,$(KERNEL_SOURCES)) $(KERNEL_EXTRA_OBJECTS)

.SECONDEXPANSION:
$(BUILD)/guest-kernel.elf: $$(KERNEL_OBJECTS) guest-kernel/guest-kernel.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FREE_LDFLAGS) -Wl,-T,guest-kernel/guest-kernel.ld -o $@ $(KERNEL_OBJECTS)

ALL += $(BUILD)/guest-kernel.elf

# The same with the lock checks, for the boot tests that run several processors.
$(BUILD)/debug/guest-kernel.elf: $(BUILD)/guest-kernel.elf
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/debug DEBUG=1 $@
	@touch $@

.PHONY: kernel-debug
kernel-debug: $(BUILD)/debug/guest-kernel.elf
