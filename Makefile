# SPDX-License-Identifier: MIT
# Bulkhead. `make run` and `make test` do all the set-up; `make help` lists the rest.
#
# Each program brings a fragment (hv/hv.mk, ...) that names its sources and its output under build/.
# Objects go to build/<flavour>/<source path>.o; the flavours are flag sets:
#   free      freestanding, for everything that runs without an operating system below it
#   host      hosted, for vmctl
#   check     hosted with sanitizers, for the unit tests

.DEFAULT_GOAL := all
SHELL := /bin/bash
BUILD := build
CC := gcc
NASM := nasm

WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wno-unused-parameter
COMMON := -std=gnu11 -g $(WARN) -Ilib -MMD -MP
# -mcmodel=kernel: its sign-extended 32-bit addresses fit the lowest and the highest 2 GiB, so the same object
# links into the hypervisor, a driver domain and the guest kernel.
FREE_FLAGS := $(COMMON) -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fno-common -fcf-protection=none
HOST_FLAGS := $(COMMON) -O2 -D_GNU_SOURCE
CHECK_FLAGS := $(COMMON) -O1 -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FREE_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--fatal-warnings

# $(call free_objects,sources): the objects of C and NASM sources in the freestanding flavour
free_objects = $(patsubst %,$(BUILD)/free/%.o,$(1))
host_objects = $(patsubst %,$(BUILD)/host/%.o,$(1))
check_objects = $(patsubst %,$(BUILD)/check/%.o,$(1))

LIB_BASE := $(wildcard lib/base/*.c)

include hv/hv.mk
include guest-kernel/guest-kernel.mk
include driver-domains/driver-domains.mk
include vmtools/vmtools.mk
include tests/tests.mk

# A fragment may add flags for its folder: FLAGS_hv := -Ihv/include (folder = first path component).
$(BUILD)/free/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FREE_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@
$(BUILD)/free/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 -g -F dwarf -Ilib/ -I$(firstword $(subst /, ,$<))/ -MD $(@:.o=.d) -o $@ $<
$(BUILD)/host/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HOST_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@
$(BUILD)/check/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CHECK_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d')

.PHONY: all clean
all: $(ALL)
clean:
	rm -rf $(BUILD)
