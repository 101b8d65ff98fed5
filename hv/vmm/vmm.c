/* SPDX-License-Identifier: MIT */
/* Which vendor's virtualization this machine has. */
#include "hv/vmm.h"

#include "abi/errno.h"
#include "svm_ops.h"

const struct vmm_ops *vmm;

int vmm_init(const char **missing)
{
	int error = svm_ops.probe(missing);
	if (!error) {
		vmm = &svm_ops;
	}
	return error;
}
