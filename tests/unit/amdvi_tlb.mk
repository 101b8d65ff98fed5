# SPDX-License-Identifier: MIT
UNIT_amdvi_tlb := $(MODEL) tests/model/iotlb.c tests/model/iommu_rules.c tests/model/amdvi_hardware.c hv/iommu/described.c hv/iommu/ivrs.c hv/pci/group.c \
	lib/base/string.c lib/base/format.c
RECORD_amdvi_tlb := $(addprefix hv/iommu/,iommu.c fence.c amdvi.c amdvi_unit.c amdvi_format.c) hv/mem/paging.c
