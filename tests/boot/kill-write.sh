# SPDX-License-Identifier: MIT
# Files are written while the disk's domain is killed: every one is right on the disk afterwards and the file system is clean.
. tests/boot/assert.bash

make_root
head -c $((2000000 / slow)) /dev/urandom >"$scratch/root/data"
kept_root "$scratch/root"
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
kill_often 5 kill-write-$$
boot 0 --name kill-write-$$ "${kept[@]}" --stats "$scratch/stats" -- "$until_epoch"'
	until has_epoch 6; do
		for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cp /data /copy$i && sync || echo error $i; done
	done; until_epoch 6; cat /copy* | md5sum'
[ "$(tail -n 1 "$out")" = "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat "$scratch/root/data"; done | md5sum)" ] || fail "the guest reads the copies wrong"
clean "$scratch/image"
killed 5
grep -q error "$out" && fail "a program saw an error"
[ $disk = ahci ] || exit 0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	[ "$(file_md5 "$scratch/image" /copy$i)" = "$sum" ] || fail "/copy$i differs on the disk"
done
