/* SPDX-License-Identifier: MIT */
/*
 * What a VMCB does not hold of a guest's processor: FPU and vector state, XCR0, DR0 to DR3. It is switched when
 * another vCPU comes onto the processor, not at each exit: the hypervisor itself uses none of it.
 * XCR0 is the guest's own while its state is loaded (XSETBV does not exit) and all ones for the save and the restore,
 * so that a component that the guest switched off for a while is not lost. APM vol. 1, 11.5; vol. 2, 11.3.
 * A processor without XSAVE (SVM's and EPT's first ones; a KVM that hides it) has FXSAVE's state alone.
 */
#include "hv/vcpu.h"

#include "base/string.h"
#include "hv/addr.h"
#include "hv/pool.h"
#include "hv/port.h"

#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80
#define FXSAVE_BYTES 512

struct context {
	uint64_t xcr0, dr[4];
	uint8_t area[] __attribute__((aligned(64))); /* of XSAVE or FXSAVE */
};

static uint64_t context_mask; /* every XCR0 bit of this processor; 0: it has no XSAVE */
static uint32_t context_bytes = FXSAVE_BYTES;

void context_init(void)
{
	uint32_t features[4], xsave[4];
	cpuid(1, 0, features);
	if (features[2] & 1u << 26) {
		cpuid(0xd, 0, xsave);
		context_mask = (uint64_t)xsave[3] << 32 | xsave[0];
		context_bytes = xsave[2];
	}
}

void *context_alloc(void)
{
	return pool_alloc((sizeof(struct context) + context_bytes + PAGE_SIZE - 1) / PAGE_SIZE, 1);
}

void context_reset(void *context)
{
	struct context *x = context;
	const uint32_t fcw = FCW_RESET, mxcsr = MXCSR_RESET;
	memset(x, 0, sizeof(*x) + context_bytes); /* XSTATE_BV 0: all as after a reset, but MXCSR is always loaded */
	x->xcr0 = 1;
	memcpy(x->area, &fcw, sizeof(fcw));
	memcpy(x->area + 24, &mxcsr, sizeof(mxcsr));
}

static void xcr0_set(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* SDM vol. 1, 13.3: what XSETBV refuses. */
bool context_xcr0(uint64_t value)
{
	uint64_t avx512 = value & 0xe0, tile = value & 0x60000;
	if (!(value & 1) || (value & ~context_mask) || ((value & 4) && !(value & 2)) || (avx512 && (avx512 != 0xe0 || !(value & 4))) ||
	    !(value & 8) != !(value & 16) || (tile && tile != 0x60000)) {
		return false;
	}
	xcr0_set(value);
	return true;
}

static void context_save(struct context *x)
{
	__asm__ volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3"
			 : "=r"(x->dr[0]), "=r"(x->dr[1]), "=r"(x->dr[2]), "=r"(x->dr[3]));
	if (!context_mask) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(x->area) : "memory");
		return;
	}
	uint32_t lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	x->xcr0 = (uint64_t)hi << 32 | lo;
	xcr0_set(context_mask);
	__asm__ volatile("xsave64 (%0)" : : "r"(x->area), "a"(~0u), "d"(~0u) : "memory");
}

static void context_load(const struct context *x)
{
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3"
			 : : "r"(x->dr[0]), "r"(x->dr[1]), "r"(x->dr[2]), "r"(x->dr[3]));
	/* AMD's processors to the first Zen keep the last FPU instruction's addresses over a restore without a pending exception. */
	__asm__ volatile("fnclex; emms; fildl %0" : : "m"(x->xcr0));
	if (!context_mask) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(x->area) : "memory");
		return;
	}
	xcr0_set(context_mask);
	__asm__ volatile("xrstor64 (%0)" : : "r"(x->area), "a"(~0u), "d"(~0u) : "memory");
	xcr0_set(x->xcr0);
}

void context_switch(void *from, void *to)
{
	if (from) {
		context_save(from);
	}
	context_load(to);
}
