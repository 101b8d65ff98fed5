# SPDX-License-Identifier: MIT
# Driver domains: build/ahci.elf, ramdisk.elf, e1000e.elf and loop.elf, each the runtime, the virtqueue's halves, the base routines and its own
# folder; what gdb wants of each is in build/NAME.elf.debug, which it finds by itself. The components among the sources (no
# main.c, nothing of the runtime) also link into the guest kernel:
DRIVER_COMPONENTS := $(filter driver-domains/ahci/ahci%,$(wildcard driver-domains/ahci/*.c)) $(wildcard driver-domains/e1000e/e1000e*.c)
FLAGS_driver-domains := -Idriver-domains

DOMAIN_RUNTIME := $(wildcard driver-domains/runtime/*.c driver-domains/runtime/*.asm) lib/virtio/ring_back.c $(LIB_BASE)
DOMAIN_OBJECTS = $(call free_objects,$(DOMAIN_RUNTIME) $(wildcard driver-domains/$(1)/*.c))

define domain_rule
$(BUILD)/$(1).elf: $(call DOMAIN_OBJECTS,$(1)) driver-domains/runtime/domain.ld
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(FREE_LDFLAGS) -Wl,-T,driver-domains/runtime/domain.ld -Wl,--gc-sections -o $$@.debug $$(filter %.o,$$^)
	$$(Q)objcopy --strip-all --add-gnu-debuglink=$$@.debug $$@.debug $$@
	@[ $$$$(stat -c %s $$@) -lt 65536 ] || { echo "$$@ is larger than 64 KiB"; rm $$@; exit 1; }
ALL += $(BUILD)/$(1).elf
endef
$(foreach name,ahci ramdisk e1000e loop,$(eval $(call domain_rule,$(name))))
