# SPDX-License-Identifier: MIT
# A guest with more memory than a machine of q35 has in one piece below 4 GiB (2.75 GiB at most): it boots in both modes and sees all of it.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

for mode in isolated monolithic; do
	boot 0 --mode $mode --memory 3G --timeout 300 -- "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo; md5sum </bin/busybox"
	kib=$(head -n 1 "$out")
	[ "$kib" -gt 3050000 ] && [ "$kib" -le 3145728 ] || fail "$mode: $kib KiB of 3 GiB"
	[ "$(tail -n 1 "$out")" = "$(md5sum </bin/busybox)" ] || fail "$mode: a read is wrong"
done
