# SPDX-License-Identifier: MIT
UNIT_paging_model := $(MODEL)
RECORD_paging_model := hv/mem/paging.c hv/mem/format_host.c hv/vmm/npt.c hv/vmm/ept.c hv/iommu/amdvi_format.c hv/iommu/vtd_format.c
