# SPDX-License-Identifier: MIT
# The disk without hardware: the ramdisk domain, its image out of the bundle.
. tests/boot/assert.bash

make_root
head -c 3000000 /dev/urandom >"$scratch/root/data"
boot 0 --disk ramdisk --root "$scratch/root" -- 'md5sum /data && cp /data /copy && sync && md5sum /copy'
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
output "$sum  /data
$sum  /copy"
boot 0 --disk ramdisk --root "$scratch/root" --kill ramdisk@0.05 --kill ramdisk@0.4 --stats "$scratch/stats" \
	-- 'md5sum /data; sleep 1; cp /data /copy; md5sum /copy'
output "$sum  /data
$sum  /copy"
[ "$(grep -c '"cause"' "$scratch/stats")" -ge 1 ] || fail "no recovery was reported"
