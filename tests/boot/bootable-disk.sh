# SPDX-License-Identifier: MIT
# not on bochs: it is about machines of QEMU
# `vmctl image --bootable disk`: one disk, from which SeaBIOS and OVMF start GRUB, hypervisor and guest, and which is the guest's root as well.
# What the guest writes by one firmware is there by the other, and leaves the partitions alone. With its root in memory the same starts from a USB
# stick.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash
. tests/boot/machine.bash

"$vmctl" image --bootable disk -o "$scratch/disk" || fail "vmctl image --bootable disk"
clean "$scratch/disk"
before=$(md5sum <"$scratch/disk")
"$vmctl" image --bootable disk -o "$scratch/disk" 2>"$err"
[ $? -eq 119 ] || fail "an image was overwritten"
said "exists already"
[ "$(md5sum <"$scratch/disk")" = "$before" ] || fail "the image that was not overwritten has changed"

q35=(-M q35 -m 512 -device "amd-iommu,intremap=on")
disk=(-drive "file=$scratch/disk,format=raw,if=none,id=disk" -device "ide-hd,drive=disk,bus=ide.0")

start "${q35[@]}" "${disk[@]}"
until_text '/ # '
type 'echo by bios >/bios; cp /bin/busybox /copy; exit\r'
off
clean "$scratch/disk"

start "${q35[@]}" "${disk[@]}" "${ovmf[@]}"
until_text '/ # '
type 'cat /bios; cmp /copy /bin/busybox && echo sa""me; exit\r'
off
on_console 'by bios'
on_console 'same'
clean "$scratch/disk"

"$vmctl" image --bootable disk --disk ramdisk -o "$scratch/stick" || fail "vmctl image --bootable disk --disk ramdisk"
start -M q35 -m 512 -device qemu-xhci -drive "file=$scratch/stick,format=raw,if=none,id=stick" -device usb-storage,drive=stick
until_text '/ # '
type 'uname -m; exit\r'
off
on_console x86_64
