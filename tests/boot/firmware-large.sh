# SPDX-License-Identifier: MIT
# not on bochs: it is about machines of QEMU
# Sixteen processors, and a guest with more than 4 GiB, on the last of them; its disk's domain, on another, reaches all of that memory.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

cat >"$scratch/manifest" <<END
domain guest
	main
	image guest-kernel.elf
	memory 4608M
	priority 10
	cpus 15
	cmdline root=auto rw
domain ahci
	image ahci.elf
	memory 2M
	priority 100
	cpus 14
	device class 010601
	restart 100 in 60s
link block guest ahci
END
boot 0 --manifest "$scratch/manifest" --cpus 16 --timeout 300 -- "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo; md5sum </bin/busybox"
kib=$(head -n 1 "$out")
[ "$kib" -gt 4600000 ] && [ "$kib" -le 4718592 ] || fail "$kib KiB of 4.5 GiB"
[ "$(tail -n 1 "$out")" = "$(md5sum </bin/busybox)" ] || fail "a read is wrong"
grep -q 'preflight: .*, 16 processors' "$err" || fail "not 16 processors"
grep -q 'domain guest: 4608 MiB, 1 vCPU, processor 15,' "$err" || fail "the guest is not on the last processor"
