# SPDX-License-Identifier: MIT
# Two disks behind one domain: the second link of the same pair is /dev/vdb (on the bare machine /dev/sdb). It is read, mounted and written
# while the domain is killed; what was written is on its image with --write, and not without.
# not on bochs: it is about images behind the AHCI controller
. tests/boot/assert.bash

mkdir "$scratch/a" "$scratch/b"
head -c 3000000 /dev/urandom >"$scratch/b/data"
make_image "$scratch/a" && mv "$scratch/image" "$scratch/first"
make_image "$scratch/b" && mv "$scratch/image" "$scratch/second"
sum=$(md5sum <"$scratch/b/data" | cut -d' ' -f1)
before=$(md5sum <"$scratch/second")

for mode in isolated:vdb monolithic:sdb; do
	boot 0 --mode ${mode%:*} --root "$scratch/first" --disk-image "$scratch/second" \
		-- "mkdir -p /mnt; mount -t ext4 /dev/${mode#*:} /mnt && md5sum </mnt/data && cp /mnt/data /mnt/lost && umount /mnt"
	output "$sum  -"
done
[ "$(md5sum <"$scratch/second")" = "$before" ] || fail "the second image changed without --write"

kill_often 2 second-$$
boot 0 --name second-$$ --root "$scratch/first" --disk-image "$scratch/second" --write --stats "$scratch/stats" -- "$until_epoch"'
	mkdir -p /mnt; mount -t ext4 /dev/vdb /mnt && for i in 1 2 3; do cp /mnt/data /mnt/copy$i; cp /mnt/data /copy$i; sync; done; until_epoch 3; umount /mnt'
killed 2
for image in first second; do
	clean "$scratch/$image"
	for i in 1 2 3; do
		[ "$(file_md5 "$scratch/$image" /copy$i)" = "$sum" ] || fail "/copy$i differs on the $image disk"
	done
done
boot 122 --disk-image "$scratch/none" -- true
said "can't be opened"
