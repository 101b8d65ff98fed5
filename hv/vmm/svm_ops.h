/* SPDX-License-Identifier: MIT */
/* What vmm.c may know of SVM. */
#ifndef HV_SVM_OPS_H
#define HV_SVM_OPS_H

#include "hv/vmm.h"

extern const struct vmm_ops svm_ops;

#endif
