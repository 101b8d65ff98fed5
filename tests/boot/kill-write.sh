# SPDX-License-Identifier: MIT
# Files are written while the disk's domain is killed: every one is right on the disk afterwards and the file system is clean.
. tests/boot/assert.bash

make_root
head -c $((2000000 / slow)) /dev/urandom >"$scratch/root/data"
kept_root "$scratch/root"
kill_often 5 kill-write-$$
boot 0 --name kill-write-$$ "${kept[@]}" --stats "$scratch/stats" -- "$until_epoch"'
	content() { echo "copy $1 of pass $pass"; cat /data; }
	pass=0
	until has_epoch 6; do # something else each time, so that what is old is wrong
		pass=$((pass + 1))
		for i in 1 2 3 4 5 6 7 8 9 10 11 12; do content $i >/copy$i && sync || echo error $i; done
		echo 1 >/proc/sys/vm/drop_caches
		for i in 1 2 3 4 5 6 7 8 9 10 11 12; do content $i | cmp - /copy$i || echo error: the guest reads copy $i wrong; done
	done
	until_epoch 6; echo pass $pass'
killed 5
grep -q error "$out" && fail "a program saw an error"
pass=$(sed -n 's/^pass \([1-9][0-9]*\)$/\1/p' "$out")
[ -n "$pass" ] || fail "there was no pass"
clean "$scratch/image"
[ $disk = ahci ] || exit 0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	[ "$(file_md5 "$scratch/image" /copy$i)" = "$({ echo "copy $i of pass $pass"; cat "$scratch/root/data"; } | md5sum | cut -d' ' -f1)" ] ||
		fail "/copy$i differs on the disk"
done
