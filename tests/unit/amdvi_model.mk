# SPDX-License-Identifier: MIT
UNIT_amdvi_model := $(addprefix hv/iommu/,iommu.c amdvi.c amdvi_unit.c amdvi_format.c ivrs.c) hv/mem/paging.c lib/base/string.c
