# SPDX-License-Identifier: MIT
UNIT_amdvi_ivrs := hv/iommu/ivrs.c hv/iommu/described.c
