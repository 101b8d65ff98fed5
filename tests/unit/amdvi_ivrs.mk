UNIT_amdvi_ivrs := hv/iommu/ivrs.c
