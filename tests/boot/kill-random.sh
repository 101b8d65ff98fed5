# SPDX-License-Identifier: MIT
# Kills at moments that differ from run to run, while programs read and write; the moments are printed, so a failure can be repeated.
. tests/boot/assert.bash

make_root
head -c $((8000000 / slow)) /dev/urandom >"$scratch/root/data"
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
for round in 1 2; do
	kept_root "$scratch/root"
	kill_often 8 random-$$ $disk random
	boot 0 --name random-$$ --stats "$scratch/stats" "${kept[@]}" -- "$until_epoch"'
		until has_epoch 9; do
			(for i in 1 2 3; do cp /data /a$i; done) & (for i in 1 2 3; do md5sum /data; done) & wait
			sync; echo 1 >/proc/sys/vm/drop_caches
		done; until_epoch 9; md5sum /a1 /a2 /a3 | cut -c1-32 | uniq'
	killed 8
	[ "$(sort -u "$out" | cut -c1-32 | uniq)" = "$sum" ] || fail "a checksum is wrong"
	clean "$scratch/image"
done
