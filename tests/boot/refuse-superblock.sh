# SPDX-License-Identifier: MIT
# A root whose superblock is damaged is refused by the guest kernel in words.
. tests/boot/assert.bash

make_root
make_image "$scratch/root"
dd if=/dev/urandom of="$scratch/image" bs=1024 seek=1 count=1 conv=notrunc 2>/dev/null
boot 125 --root "$scratch/image" -- echo hello
said 'guest gave up: .*root'
[ ! -s "$out" ] || fail "something ran"
