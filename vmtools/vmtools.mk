# SPDX-License-Identifier: MIT
# build/vmctl: the host's side, hosted flavour, with libvirt.
VMTOOLS_SOURCES := $(wildcard vmtools/*.c) lib/base/string.c lib/base/crc32.c lib/base/elf.c
VMTOOLS_OBJECTS := $(call host_objects,$(VMTOOLS_SOURCES))
FLAGS_vmtools := -Ivmtools

$(BUILD)/vmctl: $(VMTOOLS_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(VMTOOLS_OBJECTS) -lvirt -lpthread -lm

.PHONY: vmctl
vmctl: $(BUILD)/vmctl
ALL += $(BUILD)/vmctl

# What makes a root file system of Debian packages; vmctl looks for them beside itself.
$(BUILD)/packages-%: vmtools/packages-%
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@
ALL += $(BUILD)/packages-unpack $(BUILD)/packages-script
