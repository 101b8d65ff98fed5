# SPDX-License-Identifier: MIT
# Two processors: programs side by side, and a kill of the disk's domain, which then has a processor of its own.
. tests/boot/assert.bash

for mode in $modes; do
	boot 0 --mode $mode --cpus 2 -- 'for i in 1 2 3 4; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i) & done; wait'
	output '20000
20000
20000
20000'
done

make_root
head -c 20000000 /dev/urandom >"$scratch/root/data"
kill_often 2 two-$$
boot 0 --name two-$$ --cpus 2 --root "$scratch/root" --stats "$scratch/stats" -- "$until_epoch; md5sum /data; until_epoch 3; md5sum /data"
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
output "$sum  /data
$sum  /data"
killed 2
