# SPDX-License-Identifier: MIT
# build/probe.elf: the domain that the boot tests run to try the hypervisor from inside.
PROBE_OBJECTS := $(call free_objects,tests/domains/entry.asm $(wildcard tests/domains/probe*.c) lib/virtio/ring_front.c \
	$(addprefix lib/base/,format.c string.c memory.c search.c))
$(BUILD)/probe.elf: $(PROBE_OBJECTS) tests/domains/probe.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(FREE_LDFLAGS) -T tests/domains/probe.ld -o $@ $(PROBE_OBJECTS)
ALL += $(BUILD)/probe.elf
