/* SPDX-License-Identifier: MIT */
/* MSR exits: those of the control block, the local APIC's, a few constants that kernels ask for; all others are a #GP. */
#include "abi/errno.h"
#include "hv/cpu.h"
#include "hv/domain.h"
#include "hv/vcpu.h"

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_MICROCODE 0x8b
#define MSR_MISC_ENABLE 0x1a0
#define APIC_BASE_X2APIC 0xfee00c00ull /* enabled, x2APIC; it cannot be left */
#define APIC_BASE_BSP (1ull << 8)

static int constant(uint64_t is, bool write, uint64_t *value)
{
	if (write) {
		return *value == is ? 0 : -EINVAL;
	}
	*value = is;
	return 0;
}

static int msr_access(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	int error = vmm->msr(v, index, write, value);
	if (error != -ENOENT) {
		return error;
	}
	if (index == LAPIC_MSR_TSC_DEADLINE || (index >= LAPIC_MSR_BASE && index < LAPIC_MSR_END)) {
		error = lapic_msr(&v->lapic, index, write, value, tsc_read());
		if (v->lapic.deadline) {
			sched_arm(v->lapic.deadline);
		}
		return error;
	}
	switch (index) {
	case MSR_TSC:
		*value = tsc_read();
		return write ? -EINVAL : 0;
	case MSR_APIC_BASE:
		return constant(APIC_BASE_X2APIC | (v->index == 0 ? APIC_BASE_BSP : 0), write, value);
	case MSR_MICROCODE:
	case MSR_MISC_ENABLE:
		return constant(0, write, value);
	default:
		return -EINVAL;
	}
}

int vcpu_msr(struct vcpu *v, uint32_t index, bool write)
{
	uint64_t value = (v->regs.rdx << 32) | (uint32_t)v->regs.rax;
	int error = msr_access(v, index, write, &value);
	if (!error && !write) {
		v->regs.rax = (uint32_t)value;
		v->regs.rdx = value >> 32;
	}
	return error;
}
