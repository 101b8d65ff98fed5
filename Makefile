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
	-fno-stack-protector -fcallgraph-info=su,da -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fno-common -fcf-protection=none \
	-ffunction-sections
HOST_FLAGS := $(COMMON) -O2 -D_GNU_SOURCE
CHECK_FLAGS := $(COMMON) -O1 -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FREE_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--fatal-warnings

# One short line for each file, `make V=1` for the commands themselves.
#   $(call say,CC,file)      the line
#   $(Q)                     in front of a command whose line has been said
Q := $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),:,printf '  %-4s %s\n' $(1) $(2))

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

# Changed flags (DEBUG, CC, ...) rebuild what was built with other ones: every object depends on this file, which is written only when
# they change.
FLAGS_OF_FOLDERS = $(foreach v,$(sort $(filter-out FLAGS_USED FLAGS_OF_FOLDERS,$(filter FLAGS_%,$(.VARIABLES)))),$($(v)))
FLAGS_USED = $(CC) $(NASM) $(FREE_FLAGS) $(HOST_FLAGS) $(CHECK_FLAGS) $(FREE_LDFLAGS) $(FLAGS_OF_FOLDERS)
.PHONY: FORCE
$(BUILD)/flags: FORCE
	@for tool in $(CC) $(NASM); do \
		command -v $$tool >/dev/null || { echo "$$tool is missing: \"make setup\" installs what building needs" >&2; exit 1; }; \
	done
	@mkdir -p $(@D)
	@echo '$(FLAGS_USED)' | cmp -s - $@ || echo '$(FLAGS_USED)' >$@

# A fragment may add flags for its folder: FLAGS_hv := -Ihv/include (folder = first path component).
$(BUILD)/free/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(FREE_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@
$(BUILD)/free/%.asm.o: %.asm $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -f elf64 -g -F dwarf -Ilib/ -I$(firstword $(subst /, ,$<))/ -MD $(@:.o=.d) -o $@ $<
$(BUILD)/host/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HOST_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@
$(BUILD)/check/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,"$< (check)")
	$(Q)$(CC) $(CHECK_FLAGS) $(FLAGS_$(firstword $(subst /, ,$<))) -c $< -o $@

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d')

.PHONY: all clean setup run test test-bochs test-packages test-network test-fuzz check help
all: $(ALL)

# All processors, unless make was called with a -j of its own.
PARALLEL = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# What is missing on the machine; silent and quick when nothing is.
setup:
	@ci/setup
	@ci/fetch-lwip >/dev/null

# With a terminal the guest's console, without one a tour that checks itself.
run: setup
	+@$(PARALLEL) all
	@if [ -t 0 ] && [ -t 1 ]; then $(BUILD)/vmctl run || { s=$$?; [ $$s -lt 118 ] || [ $$s -eq 143 ]; }; else BUILD=$(BUILD) vmtools/tour; fi

test: setup
	+@$(PARALLEL) all unit-programs kernel-debug
	@BUILD=$(BUILD) ci/run-tests

# All the boot tests that Bochs can run, on Bochs: nightly-sized, not a part of "make test".
test-bochs: setup
	+@$(PARALLEL) all kernel-debug
	@BUILD=$(BUILD) ci/run-tests --bochs

# Debian's packages in the guest, all of their tests: minutes; "make test" takes the short ones.
test-packages: setup
	+@$(PARALLEL) all kernel-debug
	@BUILD=$(BUILD) ci/run-tests --packages

# nginx and redis-server in the guest under wrk and redis-benchmark, while the domains of the network adapter and of the disk are killed every second for
# a minute each; and a cable that loses, repeats, damages, delays and reorders frames between the guest and this machine's own TCP/IP.
test-network: setup
	@ci/setup wrk redis-tools iproute2
	+@$(PARALLEL) all kernel-debug
	@BUILD=$(BUILD) ci/run-tests network/kills network/wire network/path

# Memory filled from many processes for minutes, on 1, 2 and 4 processors.
test-memory: setup
	+@$(PARALLEL) all kernel-debug
	@FILL_SECONDS=90 BUILD=$(BUILD) ci/run-tests memory-fill

# Minutes of random calls and damaged programs on 1, 2 and 4 processors, and of random paths against this machine's Linux, by seeds that are printed.
test-fuzz: setup
	+@$(PARALLEL) all kernel-debug $(BUILD)/tests/net_frontend $(BUILD)/tests/net_hostile
	@seed=$${SEED:-$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}; echo "SEED=$$seed, a hostile network driver"; $(BUILD)/tests/net_frontend $$seed 3000000
	@seed=$${SEED:-$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}; echo "SEED=$$seed, a hostile network"; $(BUILD)/tests/net_hostile $$seed 3000000
	@for cpus in 1 2 4; do for mode in monolithic isolated; do \
		export FUZZ_SEED=$${SEED:-$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')} FUZZ_SECONDS=50 FUZZ_CPUS=$$cpus FUZZ_MODE=$$mode; \
		echo "SEED=$$FUZZ_SEED, $$cpus processors, $$mode"; \
		BUILD=$(BUILD) ci/run-tests fuzz fuzz-elf fuzz-paths || exit 1; \
	done; done

# The checks that need no machine.
check: setup
	+@$(PARALLEL) unit-programs $(BUILD)/guest-kernel.elf kernel-debug
	@BUILD=$(BUILD) ci/run-tests --no-boot

help:
	@echo "make run      set up, build, boot: a guest console on the terminal, or a tour without one"
	@echo "make test     set up, build, run every test; the last line is \"N passed, N failed\""
	@echo "make test-bochs  the boot tests on Bochs, whose processors have VT-x"
	@echo "make test-packages  Debian's packages in the guest: minutes; fetches them the first time"
	@echo "make test-network  nginx and redis while the domains of adapter and disk are killed every second, TCP over a bad cable; fetches packages"
	@echo "make test-kvm    our machines on KVM, in a Debian kernel on QEMU: minutes; fetches that kernel"
	@echo "make test-kvm-intel  the same on Bochs, whose processors have VT-x: minutes"
	@echo "make test-memory  memory filled from many processes for minutes"
	@echo "make test-fuzz   random system calls, programs and paths in the guest for minutes; SEED=N takes that seed"
	@echo "make check    the tests that boot nothing: units, layers, line budget, style"
	@echo "make all      build everything below $(BUILD)/ (make alone does the same)"
	@echo "make unit     build and run the unit tests"
	@echo "make setup    install what is missing (Debian 12, apt)"
	@echo "make clean    remove $(BUILD)/"
	@echo
	@echo "V=1           show the commands"
	@echo "DEBUG=1       build the guest kernel with its lock checks"
	@echo "BUILD=DIR     build there in place of build/"
	@echo "ci/run-tests NAME...           only these tests of tests/boot"
	@echo "$(BUILD)/vmctl help              boot machines, run commands in them, kill their domains, measure"

clean:
	rm -rf $(BUILD)
