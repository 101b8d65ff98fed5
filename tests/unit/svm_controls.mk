# SPDX-License-Identifier: MIT
UNIT_svm_controls := $(MODEL) tests/model/explore.c tests/model/flush_rules.c lib/base/string.c
RECORD_svm_controls := $(addprefix hv/domain/,vcpu.c grant.c grant_map.c) hv/mem/paging.c hv/mem/format_host.c hv/vmm/vmm.c \
	$(addprefix hv/vmm/,svm.c svm_exit.c npt.c)
