# SPDX-License-Identifier: MIT
# A root whose superblock is damaged is refused by the guest kernel in words; a file that is no ext4 at all, by vmctl.
. tests/boot/assert.bash

make_root
make_image "$scratch/root"
dd if=/dev/urandom of="$scratch/image" bs=1024 seek=1 count=1 conv=notrunc 2>/dev/null
boot 122 --root "$scratch/image" -- echo hello
said "$scratch/image is neither"
printf '\123\357' | dd of="$scratch/image" bs=1 seek=1080 conv=notrunc 2>/dev/null # only ext4's magic number is right
for mode in $modes; do
	boot 125 --mode $mode --root "$scratch/image" -- echo hello
	said "\(guest\|kernel\) gave up: .*root"
	[ ! -s "$out" ] || fail "something ran"
done
