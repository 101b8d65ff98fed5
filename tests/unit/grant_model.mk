# SPDX-License-Identifier: MIT
UNIT_grant_model := $(MODEL) lib/base/string.c
RECORD_grant_model := hv/domain/grant.c hv/domain/grant_map.c hv/mem/paging.c hv/mem/format_host.c hv/vmm/npt.c hv/iommu/amdvi_format.c
