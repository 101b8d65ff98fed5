# SPDX-License-Identifier: MIT
UNIT_dmar := hv/iommu/dmar.c hv/iommu/described.c
