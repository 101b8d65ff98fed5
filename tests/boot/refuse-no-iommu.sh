# SPDX-License-Identifier: MIT
# Without an IOMMU a domain that has a device is not started, unless the manifest says unfenced.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

boot 123 --iommu none -- echo hello
said 'IOMMU'
[ ! -s "$out" ] || fail "something ran"
cat >"$scratch/manifest" <<'END'
domain guest
	main
	image guest-kernel.elf
	memory 128M
	cmdline root=auto rw
domain ahci
	image ahci.elf
	memory 2M
	priority 100
	device class 010601
	restart 100 in 60s
	unfenced = yes
link block guest ahci
END
boot 0 --iommu none --manifest "$scratch/manifest" -- echo unfenced
output unfenced
