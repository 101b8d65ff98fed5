# SPDX-License-Identifier: MIT
UNIT_fence_group := hv/pci/group.c
