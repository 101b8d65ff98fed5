# SPDX-License-Identifier: MIT
# The file calls, on ext4 and on tmpfs, judged by the program that Linux passes too; then e2fsck judges the disk.
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/files" "$scratch/root/files"
kept_root "$scratch/root"
boot 0 "${kept[@]}" -- '/files / && /files /tmp'
grep -q '^not ok' "$out" && fail "a test failed in the guest"
[ "$(grep -c '^ok' "$out")" = 38 ] || fail "not every test has run"
clean "$scratch/image"
