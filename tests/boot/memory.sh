# SPDX-License-Identifier: MIT
# A guest with more memory than the machine has below its device addresses (2 GiB): it boots in both modes and sees all of it.
. tests/boot/assert.bash

for mode in isolated monolithic; do
	boot 0 --mode $mode --memory 2304M --timeout 60 -- "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo; md5sum </bin/busybox"
	kib=$(head -n 1 "$out")
	[ "$kib" -gt 2250000 ] && [ "$kib" -le 2359296 ] || fail "$mode: $kib KiB of 2304 MiB"
	[ "$(tail -n 1 "$out")" = "$(md5sum </bin/busybox)" ] || fail "$mode: a read is wrong"
done
