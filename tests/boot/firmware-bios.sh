# SPDX-License-Identifier: MIT
# From SeaBIOS through GRUB and Multiboot2.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

boot 0 --firmware bios -- 'echo by bios; uname'
output 'by bios
Linux'
