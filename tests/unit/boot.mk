# SPDX-License-Identifier: MIT
UNIT_boot := hv/boot/pvh.c hv/boot/multiboot2.c hv/boot/ram.c
