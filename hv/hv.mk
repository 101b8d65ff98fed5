# SPDX-License-Identifier: MIT
# build/hv.elf: every C and NASM file in hv/'s folders (up to two deep) and lib/base, in the freestanding flavour.
HV_SOURCES := $(wildcard hv/*/*.c hv/*/*/*.c hv/*/*.asm hv/*/*/*.asm)
HV_OBJECTS := $(call free_objects,$(HV_SOURCES) $(LIB_BASE))
FLAGS_hv := -Ihv/include -Ihv

$(BUILD)/hv.elf: $(HV_OBJECTS) hv/hv.ld
	$(CC) $(FREE_LDFLAGS) -T hv/hv.ld -o $@ $(HV_OBJECTS)

.PHONY: hv
hv: $(BUILD)/hv.elf
ALL += $(BUILD)/hv.elf
