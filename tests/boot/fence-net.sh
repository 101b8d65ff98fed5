# SPDX-License-Identifier: MIT
# A network adapter that its driver sends outside the domain's grants (tests/domains/probe_nic.c): a frame that is to be read from elsewhere,
# then the ring of descriptors. With Intel's IOMMU, which QEMU lets report faults, each is found: named once, with domain, device,
# address and direction, and the domain is stopped, its adapter reset, and rebooted. In the third life all is its own, and goes out.
# not on bochs: it has no IOMMU
. tests/boot/assert.bash

truncate -s 32M "$scratch/disk"
cat >"$scratch/manifest" <<END
domain main
	main
	image $BUILD/probe.elf
	memory 2M
	cmdline idle
domain stray
	image $BUILD/probe.elf
	memory 2M
	cmdline stray
	device class 020000
	restart 5 in 60s
END

has() { # COUNT PATTERN
	local count
	count=$(grep -cE "$2" "$err")
	[ "$count" -eq "$1" ] || fail "\"$2\": $count times instead of $1"
}

"$vmctl" run --verbose --root "$scratch/disk" --manifest "$scratch/manifest" --net user --iommu intel --timeout 300 -- probe >"$out" 2>"$err" &
machine=$!
for _ in $(seq 1000); do
	grep -q 'life 3, a frame of its own goes out' "$err" && break
	kill -0 $machine 2>/dev/null || break
	sleep 0.1
done
sleep 1 # for a fault that should not come
kill $machine
wait $machine
has 1 'domain stray: device 00:10.0 8086:10d3 class 020000, reset by '
has 2 '^@ fault domain=stray device=00:10.0 address=4000000 access=read'
has 2 '^@ fault '
has 2 'domain stray died: iommu-fault'
has 0 'nothing stopped it'
has 1 'stray: life 3, a frame of its own goes out'
