# SPDX-License-Identifier: MIT
# The usual machine behind Intel's IOMMU: programs read and write while the disk's domain is killed at moments that differ from run to run
# (they are printed); no program sees an error, every byte is right, nothing is told as a fault.
# not on bochs: it has no IOMMU
. tests/boot/assert.bash

make_root
head -c 4000000 /dev/urandom >"$scratch/root/data"
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
make_image "$scratch/root"
kill_often 6 intel-$$ ahci random
boot 0 --name intel-$$ --iommu intel --cpus 2 --root "$scratch/image" --write --stats "$scratch/stats" -- "$until_epoch"'
	until has_epoch 7; do
		(for i in 1 2; do cp /data /a$i; done) & (for i in 1 2 3; do md5sum /data; done) & wait
		sync; echo 1 >/proc/sys/vm/drop_caches
	done; until_epoch 7; md5sum /a1 /a2 | cut -c1-32 | uniq'
grep -q 'iommu: VT-d' "$err" || fail "the IOMMU is not Intel's"
[ "$(sort -u "$out" | cut -c1-32 | uniq)" = "$sum" ] || fail "a checksum is wrong"
clean "$scratch/image"
killed 6
grep -q '^@ fault' "$err" && fail "a fault was told"

# An IOMMU that remaps no interrupts is refused in words.
"$vmctl" bundle <(cat <<END
domain main
	main
	image $(realpath "$BUILD/probe.elf")
	memory 2M
	cmdline hello
END
) -o "$scratch/bundle" || fail "vmctl bundle"
timeout -k 2 120 qemu-system-x86_64 -M q35 -cpu max,+svm,+npt -m 128 -display none -no-reboot -nodefaults -device intel-iommu,intremap=off \
	-kernel "$BUILD/hv.elf" -initrd "$scratch/bundle" -serial null -serial "file:$scratch/control" >"$out" 2>"$err" </dev/null
grep -q 'no IOMMU: the IOMMU remaps no interrupts' "$scratch/control" || { cat "$scratch/control"; fail "no reason in words"; }
