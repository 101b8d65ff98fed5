/* SPDX-License-Identifier: MIT */
/* Which vendor's virtualization this processor has, and what both do alike: the architecture of the guest's own registers and tables. */
#include "hv/vmm.h"

#include "abi/errno.h"
#include "hv/domain.h"
#include "hv/window.h"

const struct vmm_ops *vmm;
bool vmm_has_apic;

int vmm_init(const char **missing)
{
	static const struct vmm_ops *const vendors[] = { &svm_ops, &vmx_ops };
	for (unsigned i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		int error = vendors[i]->probe(missing);
		if (error != -ENOENT) {
			vmm = vendors[i];
			return error;
		}
	}
	*missing = "the processor has no virtualization: neither SVM (AMD) nor VT-x (Intel)";
	return -ENODEV;
}

/* APM vol. 2, 5.3; SDM vol. 3, 4.5. */
int vmm_walk(const struct vcpu *v, uint64_t cr3, gva_t at, gpa_t *to)
{
	uint64_t table = cr3 & 0x000ffffffffff000ull;
	for (int shift = 39; shift >= 12; shift -= 9) {
		uint64_t slot = table + (at.value >> shift & 511) * 8;
		uint64_t entry = domain_has_ram(v->domain, GPA(slot), 8) ? window_word(domain_ram(v->domain, slot)) : 0;
		if (!(entry & 1)) {
			return -EFAULT;
		}
		uint64_t address = entry & 0x000ffffffffff000ull;
		if (shift == 12 || (shift < 39 && (entry & 1u << 7))) {
			uint64_t inside = (1ull << shift) - 1;
			*to = GPA((address & ~inside) | (at.value & inside));
			return 0;
		}
		table = address;
	}
	return -EFAULT;
}

/* SCE, LME, NXE; LMA is the processor's. Long mode can only be chosen while paging is off (APM vol. 2, 14.6.1). */
int vmm_efer_check(uint64_t efer, bool paging, uint64_t value)
{
	return value & ~0xd01ull || (paging && ((value ^ efer) & 0x100)) ? -EINVAL : 0;
}
