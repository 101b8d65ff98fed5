# SPDX-License-Identifier: MIT
# Files are written while the disk's domain is killed: every one is right on the disk afterwards and the file system is clean.
# limit: 240
. tests/boot/assert.bash

make_root
head -c $((2000000 / slow)) /dev/urandom >"$scratch/root/data"
kept_root "$scratch/root"
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
boot 0 "${kept[@]}" --stats "$scratch/stats" --kill $disk@0.1 --kill $disk@0.3 --kill $disk@0.6 --kill $disk@1.0 --kill $disk@1.5 \
	-- 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cp /data /copy$i && sync || echo error $i; done; sleep 1; cat /copy* | md5sum'
[ "$(tail -n 1 "$out")" = "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat "$scratch/root/data"; done | md5sum)" ] || fail "the guest reads the copies wrong"
clean "$scratch/image"
[ "$(grep -c '"cause": "kill"' "$scratch/stats")" -ge 1 ] || fail "no kill was recovered from"
grep -q error "$out" && fail "a program saw an error"
[ $disk = ahci ] || exit 0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	[ "$(file_md5 "$scratch/image" /copy$i)" = "$sum" ] || fail "/copy$i differs on the disk"
done
