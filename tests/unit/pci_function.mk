# SPDX-License-Identifier: MIT
UNIT_pci_function := hv/pci/function.c hv/pci/filter.c
