# SPDX-License-Identifier: MIT
UNIT_amdvi_model := $(addprefix hv/iommu/,iommu.c fence.c described.c amdvi.c amdvi_unit.c amdvi_format.c ivrs.c) hv/pci/group.c \
	hv/mem/paging.c $(addprefix lib/base/,string.c format.c)
