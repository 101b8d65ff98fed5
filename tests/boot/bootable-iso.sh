# SPDX-License-Identifier: MIT
# not on bochs: it is about machines of QEMU
# `vmctl image --bootable iso`: one ISO, as a CD under SeaBIOS and as a USB stick under OVMF. One with its root in memory has a directory's files;
# without a root the guest's is the machine's own disk.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash
. tests/boot/machine.bash

make_root
echo from the directory >"$scratch/root/note"
"$vmctl" image --bootable iso "$scratch/root" -o "$scratch/iso" 2>"$err"
[ $? -eq 119 ] || fail "an ISO took a root that it has no place for"
said "add --disk ramdisk"
[ ! -e "$scratch/iso" ] || fail "something is left of the ISO that was refused"

"$vmctl" image --bootable iso --disk ramdisk "$scratch/root" -o "$scratch/iso" || fail "vmctl image --bootable iso --disk ramdisk"
start -M q35 -m 512 "${ovmf[@]}" -device qemu-xhci -drive "file=$scratch/iso,format=raw,if=none,id=iso" -device usb-storage,drive=iso
until_text '/ # '
type 'cat /note; exit\r'
off
on_console 'from the directory'

"$vmctl" image --bootable iso --force -o "$scratch/iso" || fail "vmctl image --bootable iso --force"
make_image "$scratch/root"
start -M q35 -m 512 -device amd-iommu,intremap=on -drive "file=$scratch/image,format=raw,if=none,id=disk" -device ide-hd,drive=disk,bus=ide.0 \
	-drive "file=$scratch/iso,format=raw,if=none,id=iso,media=cdrom" -device ide-cd,drive=iso,bus=ide.1,bootindex=0
until_text '/ # '
type 'cat /note; echo by iso >/note; exit\r'
off
on_console 'from the directory'
clean "$scratch/image"
[ "$(debugfs -R 'cat /note' "$scratch/image" 2>/dev/null)" = "by iso" ] || fail "the file is not on the disk"
