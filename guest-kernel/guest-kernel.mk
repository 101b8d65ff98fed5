# SPDX-License-Identifier: MIT
# The guest kernel: every source below guest-kernel/, the base routines, the virtio ring, and the driver components that also run
# in driver domains (DRIVER_COMPONENTS, driver-domains.mk). `make DEBUG=1` adds the lock checks.
DEBUG ?= 0
FLAGS_guest-kernel := -Iguest-kernel/include -Iguest-kernel -Idriver-domains -DCONFIG_DEBUG=$(DEBUG)

include guest-kernel/net/lwip/lwip.mk

# The lock checks and self-tests are linked where they are called.
KERNEL_DEBUG_SOURCES := $(wildcard guest-kernel/sched/lock_*.c guest-kernel/sched/*_selftest.c)
KERNEL_LEFT_OUT := $(if $(filter 1,$(DEBUG)),,$(KERNEL_DEBUG_SOURCES))
KERNEL_SOURCES = $(filter-out $(KERNEL_LEFT_OUT),$(wildcard guest-kernel/*.c guest-kernel/*/*.c guest-kernel/*/*/*.c guest-kernel/*/*.asm) \
	$(wildcard lib/base/*.c lib/virtio/*.c lib/ext4/*.c) $(DRIVER_COMPONENTS))
KERNEL_OBJECTS = $(call free_objects,$(filter-out guest-kernel/vdso/%,$(KERNEL_SOURCES))) $(BUILD)/vdso.o $(LWIP_OBJECTS) $(KERNEL_EXTRA_OBJECTS)

$(KERNEL_OBJECTS): | $(LWIP)/unpacked

# The vDSO: a shared object for programs, in the kernel as bytes.
VDSO_FLAGS := -std=gnu11 -O2 -ffreestanding -fPIC -mgeneral-regs-only -mno-red-zone -fno-stack-protector -fcf-protection=none -fasynchronous-unwind-tables \
	$(WARN) -Ilib -Iguest-kernel/include
$(BUILD)/vdso.o: guest-kernel/vdso/vdso.c guest-kernel/vdso/vdso.ld guest-kernel/include/kernel/vdso.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,VDSO,$@)
	$(Q)$(CC) $(VDSO_FLAGS) -nostdlib -shared -Wl,-T,guest-kernel/vdso/vdso.ld -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=none \
		-Wl,-Bsymbolic -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--eh-frame-hdr -o $(BUILD)/vdso.so guest-kernel/vdso/vdso.c
	$(Q)cd $(BUILD) && ld -r -b binary -z noexecstack -o vdso.o vdso.so
KERNEL_LINK = $(CC) $(FREE_LDFLAGS) -Wl,-T,guest-kernel/guest-kernel.ld -L$(BUILD)

# The linker script's fragment of functions that lie side by side.
$(BUILD)/text.order.ld: guest-kernel/text.order
	$(Q)mkdir -p $(@D) && sed -n 's/^\([A-Za-z_].*\)/*(.text.\1 .text.\1.*)/p' $< >$@

.SECONDEXPANSION:
$(BUILD)/guest-kernel.elf: $$(KERNEL_OBJECTS) guest-kernel/guest-kernel.ld guest-kernel/symbols.awk $(BUILD)/text.order.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(KERNEL_LINK) -o $@.nameless $(KERNEL_OBJECTS)
	$(Q)nm -n $@.nameless | awk -f guest-kernel/symbols.awk >$@.symbols.asm
	$(Q)$(NASM) -f elf64 -o $@.symbols.o $@.symbols.asm
	$(Q)$(KERNEL_LINK) -o $@ $(KERNEL_OBJECTS) $@.symbols.o

ALL += $(BUILD)/guest-kernel.elf

# The same with the lock checks, for the boot tests that run several processors.
$(BUILD)/debug/guest-kernel.elf: $(BUILD)/guest-kernel.elf $(KERNEL_DEBUG_SOURCES)
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/debug DEBUG=1 $@
	@touch $@

.PHONY: kernel-debug
kernel-debug: $(BUILD)/debug/guest-kernel.elf
