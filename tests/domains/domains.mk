# SPDX-License-Identifier: MIT
# build/probe.elf: the domain that the boot tests run to try the hypervisor from inside.
PROBE_OBJECTS := $(call free_objects,tests/domains/entry.asm tests/domains/probe.c tests/domains/probe_calls.c tests/domains/probe_link.c tests/domains/probe_dma.c tests/domains/probe_disk.c lib/virtio/ring_front.c \
	lib/base/format.c lib/base/string.c lib/base/memory.c lib/base/search.c)
$(BUILD)/probe.elf: $(PROBE_OBJECTS) tests/domains/probe.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(FREE_LDFLAGS) -T tests/domains/probe.ld -o $@ $(PROBE_OBJECTS)
ALL += $(BUILD)/probe.elf
