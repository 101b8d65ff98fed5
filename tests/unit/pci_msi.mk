# SPDX-License-Identifier: MIT
UNIT_pci_msi := hv/pci/msi.c
