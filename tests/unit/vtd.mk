# SPDX-License-Identifier: MIT
UNIT_vtd := tests/model/record.c $(addprefix hv/iommu/,iommu.c fence.c described.c vtd.c vtd_format.c vtd_memory.c dmar.c) hv/pci/group.c \
	hv/mem/paging.c $(addprefix lib/base/,string.c format.c)
RECORD_vtd := hv/iommu/vtd_unit.c
