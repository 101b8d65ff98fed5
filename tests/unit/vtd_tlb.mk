# SPDX-License-Identifier: MIT
UNIT_vtd_tlb := $(MODEL) tests/model/iotlb.c tests/model/iommu_rules.c hv/iommu/described.c hv/iommu/dmar.c hv/pci/group.c \
	lib/base/string.c lib/base/format.c
RECORD_vtd_tlb := $(addprefix hv/iommu/,iommu.c fence.c vtd.c vtd_unit.c vtd_format.c) hv/mem/paging.c
