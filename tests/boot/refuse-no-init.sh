# SPDX-License-Identifier: MIT
# A root without /bin/sh is refused in words.
. tests/boot/assert.bash

mkdir -p "$scratch/root/etc" "$scratch/root/bin"
echo text >"$scratch/root/etc/motd"
mke2fs -q -t ext4 -O ^has_journal -d "$scratch/root" "$scratch/image" 32M || fail mke2fs
boot 125 --root "$scratch/image" -- echo hello
said '/bin/sh'
[ ! -s "$out" ] || fail "something ran"
