/* SPDX-License-Identifier: MIT */
/* MSR exits: those of the control block, and a few constants that kernels ask for; all others are a #GP. */
#include "abi/errno.h"
#include "hv/vcpu.h"

static const struct {
	uint32_t index;
	uint64_t value;
} constants[] = {
	{ 0x1b, 0xfee00100 }, /* APIC base: the boot processor's, with no local APIC enabled */
	{ 0x8b, 0 }, /* microcode */
	{ 0x1a0, 0 }, /* MISC_ENABLE */
};

static int msr_access(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	for (unsigned i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		if (constants[i].index == index && write) {
			return *value == constants[i].value ? 0 : -EINVAL;
		}
		if (constants[i].index == index) {
			*value = constants[i].value;
			return 0;
		}
	}
	return vmm->msr(v, index, write, value);
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
