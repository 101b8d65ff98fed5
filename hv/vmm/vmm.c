/* SPDX-License-Identifier: MIT */
/* Which vendor's virtualization this processor has. */
#include "hv/vmm.h"

#include "abi/errno.h"

const struct vmm_ops *vmm;
bool vmm_has_apic;

int vmm_init(const char **missing)
{
	static const struct vmm_ops *const vendors[] = { &svm_ops };
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
