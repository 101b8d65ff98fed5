# SPDX-License-Identifier: MIT
# build/vmctl: the host's side, hosted flavour, with libvirt.
VMTOOLS_SOURCES := $(wildcard vmtools/*.c) lib/base/string.c lib/base/crc32.c lib/base/elf.c
VMTOOLS_OBJECTS := $(call host_objects,$(VMTOOLS_SOURCES))
FLAGS_vmtools := -Ivmtools

$(BUILD)/vmctl: $(VMTOOLS_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(VMTOOLS_OBJECTS) -lvirt-qemu -lvirt -lpthread -lm

# The first program on the Linux that `vmctl bench --against linux` measures.
$(BUILD)/linux-init: vmtools/linux/init.c
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $<
ALL += $(BUILD)/linux-init

.PHONY: vmctl
vmctl: $(BUILD)/vmctl
ALL += $(BUILD)/vmctl

# What makes a root file system of Debian packages; vmctl looks for them beside itself.
$(BUILD)/packages-%: vmtools/packages-%
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@
ALL += $(BUILD)/packages-unpack $(BUILD)/packages-script
