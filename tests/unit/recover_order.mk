# SPDX-License-Identifier: MIT
# Of domain.c only the functions that are called are linked: what the others need is not here.
UNIT_recover_order := $(MODEL) $(addprefix tests/model/,iotlb.c iommu_rules.c amdvi_hardware.c) hv/iommu/described.c hv/iommu/ivrs.c \
	hv/pci/group.c lib/base/string.c lib/base/format.c
RECORD_recover_order := $(addprefix hv/iommu/,iommu.c fence.c amdvi.c amdvi_unit.c amdvi_format.c) hv/mem/paging.c \
	$(addprefix hv/domain/,recover.c domain.c)
LIBS_recover_order := -Wl,--gc-sections
