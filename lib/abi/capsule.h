/* SPDX-License-Identifier: MIT */
/*
 * The capsule: what is kept of a domain that died, until it dies again. The hypervisor writes it once the domain is frozen and its devices are
 * fenced, before anything is rebuilt, to memory of the machine that nothing else uses: this header, then the parts, each at its offset from the
 * header. A part is memory at the guest-physical address where the domain had it: its RAM, the domain page behind that (with its
 * links' registers as they were), and behind BH_LINK_WINDOW the rings of its links, copied as bytes: which requests were in flight follows from
 * them, and only who reads the capsule works that out. docs/capsule.md.
 */
#ifndef BULKHEAD_ABI_CAPSULE_H
#define BULKHEAD_ABI_CAPSULE_H

#include <stdint.h>

#include "abi/hypercall.h"

#define BH_CAPSULE_MAGIC 0x4c55535041434842ull /* "BHCAPSUL"; anything else: there is none, or it is being written */
#define BH_CAPSULE_VERSION 1
#define BH_CAPSULE_EXITS 16
#define BH_CAPSULE_FAULTS 8
#define BH_CAPSULE_PARTS 24

struct bh_capsule_exit {
	uint64_t tsc, rip; /* when it left the guest, and where */
	uint32_t reason; /* enum bh_exit_reason */
	uint32_t call; /* EAX: of a hypercall its number */
};

struct bh_capsule_fault { /* of the IOMMU */
	uint64_t tsc, address;
	uint32_t bdf, write;
};

struct bh_capsule_vcpu {
	uint64_t regs[18]; /* RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15, RIP, RFLAGS */
	struct bh_capsule_state {
		uint64_t cr0, cr2, cr3, cr4, efer, fs_base, gs_base;
		uint16_t es, cs, ss, ds, fs, gs, reserved[2];
	} state; /* zero, where the vCPU's processor is not that of vCPU 0 */
	uint32_t exit_count, reserved; /* since the machine's start */
	struct bh_capsule_exit exits[BH_CAPSULE_EXITS]; /* a ring: the last one at (exit_count - 1) % BH_CAPSULE_EXITS */
};

struct bh_capsule_part {
	uint64_t gpa, bytes, offset;
};

struct bh_capsule {
	uint64_t magic;
	uint32_t version, header_size; /* sizeof(struct bh_capsule) */
	uint64_t bytes; /* all of it */
	char domain[16], cause[16], reason[96];
	uint32_t epoch, vcpu_count, part_count, reserved;
	uint64_t tsc_khz, requested, frozen, fenced; /* TSC: death was asked for, its vCPUs stood, no DMA could land */
	uint64_t fault_count; /* since the machine's start */
	struct bh_capsule_fault faults[BH_CAPSULE_FAULTS]; /* a ring, as the exits */
	struct bh_capsule_part parts[BH_CAPSULE_PARTS];
	struct bh_capsule_vcpu vcpus[BH_MAX_VCPUS];
};

#endif
