# SPDX-License-Identifier: MIT
# From OVMF through GRUB and Multiboot2.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

boot 0 --firmware uefi --timeout 600 -- 'echo by uefi'
output 'by uefi'
