# SPDX-License-Identifier: MIT
# The network adapter's link goes down and comes up again (QEMU's monitor pulls the cable): the driver sees it, tells it in a new offer, the
# front end is told that there is one, and frames pass again.
# not on bochs: it has no IOMMU
. tests/boot/assert.bash
. tests/boot/qemu.bash

truncate -s 1M "$scratch/disk"
cat >"$scratch/manifest" <<END
domain guest
	main
	image $(realpath "$BUILD/probe.elf")
	memory 16M
	priority 10
	cmdline net watch deep
domain e1000e
	image $(realpath "$BUILD/e1000e.elf")
	memory 2M
	priority 100
	device class 020000
link net guest e1000e
END
machine_start '' -device amd-iommu,intremap=on -netdev user,id=net0 -device e1000e,netdev=net0,addr=0x10,romfile=
until_said 'domain e1000e is up'
until_said '^@ started'
monitor set_link '"name":"net0","up":false'
until_said 'e1000e: link down'
until_said 'net: the link is down'
monitor set_link '"name":"net0","up":true'
until_said 'net: the link is up'
until_said 'net: 2000 answers, .* 0 failures'
grep -c 'e1000e: link up' "$scratch/control" | grep -qx 2 || fail "the driver did not see the link come up"
machine_end
echo PASS
