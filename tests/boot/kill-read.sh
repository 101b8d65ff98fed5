# SPDX-License-Identifier: MIT
# A 64 MiB file is read while the disk's domain is killed again and again: the checksum is right, no program sees an error, each
# recovery takes less than 50 ms.
# limit: 240
. tests/boot/assert.bash

make_root
head -c 67108864 /dev/urandom >"$scratch/root/big"
sum=$(md5sum <"$scratch/root/big" | cut -d' ' -f1)
boot 0 --root "$scratch/root" --stats "$scratch/stats" --kill ahci@0.1 --kill ahci@0.5 --kill ahci@0.9 --kill ahci@1.5 --kill ahci@2.2 \
	-- 'md5sum /big; sleep 1; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null; md5sum /big'
output "$sum  /big
$sum  /big"
kills=$(number kills "$scratch/stats")
recoveries=$(grep -c '"cause": "kill"' "$scratch/stats")
[ "$kills" -eq 5 ] || fail "$kills of 5 kills were sent"
[ "$recoveries" -eq "$kills" ] || fail "$recoveries recoveries after $kills kills"
grep -o '"total_us": [0-9]*' "$scratch/stats" | while read -r _ us; do
	[ "$us" -lt 50000 ] || fail "a recovery took $us us"
done || exit 1
