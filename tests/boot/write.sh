# SPDX-License-Identifier: MIT
# Files written by the guest, in either mode, are on the disk as e2fsprogs reads it, and the file system is clean.
# not on bochs: it is about images behind the AHCI controller
. tests/boot/assert.bash

make_root
head -c 4000000 /dev/urandom >"$scratch/root/data"
for mode in isolated monolithic; do
	make_image "$scratch/root"
	boot 0 --mode $mode --root "$scratch/image" --write -- 'cp /data /copy; mkdir -p /d/e
		i=0; while [ $i -lt 200 ]; do echo $i >/d/e/f$i; i=$((i+1)); done
		rm /d/e/f7; mv /d/e/f8 /d/moved; ln /d/moved /d/hard; ln -s moved /d/soft; truncate -s 100 /data; echo tail >>/data; sync; md5sum /copy'
	clean "$scratch/image"
	sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
	output "$sum  /copy"
	[ "$(file_md5 "$scratch/image" /copy)" = "$sum" ] || fail "/copy differs on the disk"
	[ "$(debugfs -R 'cat /d/hard' "$scratch/image" 2>/dev/null)" = 8 ] || fail "/d/hard differs on the disk"
	[ "$(debugfs -R 'ls -p /d/e' "$scratch/image" 2>/dev/null | grep -c '/f[0-9]*/')" = 198 ] || fail "/d/e has not 198 files"
	{ head -c 100 "$scratch/root/data"; echo tail; } | md5sum | cut -d' ' -f1 >"$scratch/want"
	[ "$(file_md5 "$scratch/image" /data)" = "$(cat "$scratch/want")" ] || fail "/data differs on the disk"
done
