# SPDX-License-Identifier: MIT
UNIT_vmx_post := $(MODEL) tests/model/explore.c tests/model/flush_rules.c lib/base/string.c
RECORD_vmx_post := $(addprefix hv/domain/,vcpu.c vapic.c grant.c grant_map.c) hv/mem/paging.c hv/vmm/vmm.c \
	$(addprefix hv/vmm/,vmx.c vmx_post.c vmx_controls.c ept.c)
