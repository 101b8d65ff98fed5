# SPDX-License-Identifier: MIT
# The disk without hardware: the ramdisk domain, its image out of the bundle.
. tests/boot/assert.bash

make_root
head -c 3000000 /dev/urandom >"$scratch/root/data"
boot 0 --disk ramdisk --root "$scratch/root" -- 'md5sum /data && cp /data /copy && sync && md5sum /copy'
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
output "$sum  /data
$sum  /copy"
kill_often 2 ramdisk-$$ ramdisk
boot 0 --name ramdisk-$$ --disk ramdisk --root "$scratch/root" --stats "$scratch/stats" \
	-- "$until_epoch; md5sum /data; until_epoch 3; cp /data /copy; md5sum /copy"
output "$sum  /data
$sum  /copy"
killed 2
