# SPDX-License-Identifier: MIT
# build/hv.elf: every C and NASM file in hv/'s folders (up to two deep) and what it needs of lib/base, in the freestanding flavour.
# ci/count-lines asks for hv-sources: what is linked is what counts.
HV_SOURCES := $(wildcard hv/*/*.c hv/*/*/*.c hv/*/*.asm hv/*/*/*.asm) $(addprefix lib/base/,crc32.c format.c memory.c string.c)
HV_OBJECTS := $(call free_objects,$(HV_SOURCES))
FLAGS_hv := -Ihv/include -Ihv -fomit-frame-pointer

$(BUILD)/hv.elf: $(HV_OBJECTS) hv/hv.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(FREE_LDFLAGS) -T hv/hv.ld -o $@ $(HV_OBJECTS)

.PHONY: hv hv-sources
hv: $(BUILD)/hv.elf
hv-sources:
	@echo $(HV_SOURCES)
ALL += $(BUILD)/hv.elf
