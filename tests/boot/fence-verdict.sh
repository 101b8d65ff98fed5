# SPDX-License-Identifier: MIT
# A domain whose device goes outside its grants. The driver sends 32 reads to memory that is not its own, and in its next life as many
# writes from there (tests/domains/probe_dma.c). With Intel's IOMMU, which QEMU lets report faults, each is a verdict: named once, with
# domain, device, address and direction, and the domain is stopped and rebooted. With AMD's, and with Intel's alike, the block itself is
# looked at from outside: of the reads that were to land elsewhere none is in the machine's memory, those of the third life are.
# not on bochs: it has no IOMMU
. tests/boot/assert.bash
. tests/boot/qemu.bash

slot=65536 slots=32

device='class 010601'

make_manifest() {
	cat >"$scratch/manifest" <<-END
	domain main
	    main
	    image     $(realpath "$BUILD/probe.elf")
	    memory    2M
	    cmdline   idle
	domain wild
	    image     $(realpath "$BUILD/probe.elf")
	    memory    8M
	    cmdline   wild
	    device    $device
	    restart   5 in 60s
	END
}

start() { # QEMU's arguments
	make_manifest
	machine_start '' "$@"
	until_said 'wild: life 3, reads into its own memory land'
}

# count_landed LETTER: how many of the disk's slots with this letter lie in the machine's memory, by the line that they begin with.
count_landed() {
	LC_ALL=C grep -ao "slot $1[0-9][0-9] of the disk" "$scratch/memory" | sort -u | wc -l
}

memory_check() {
	memory_save 0 $((ram_mib << 20)) "$scratch/memory"
	elsewhere=$(count_landed A) own=$(count_landed B)
	echo "of $slots reads each: $elsewhere landed outside the grants, $own within"
	[ "$own" -eq $slots ] || fail "what the domain may read is not there: the test shows nothing"
	[ "$elsewhere" -eq 0 ] || fail "the device wrote to memory that is not granted"
}

control_has() { # COUNT PATTERN
	local count
	count=$(grep -cE "$2" "$scratch/control")
	[ "$count" -eq "$1" ] || { cat "$scratch/control"; fail "\"$2\": $count times instead of $1"; }
}

for letter in A B; do
	for i in $(seq 10 $((slots + 9))); do
		printf '%-*s' $slot "slot $letter$i of the disk"
	done
done >"$scratch/disk"

start -device intel-iommu,intremap=on,caching-mode=off
control_has 1 'domain wild: 00:1f.0 and 00:1f.3 share the fence of 00:1f.2'
control_has 1 '^@ fault domain=wild device=00:1f.2 address=4000000 access=write'
control_has 1 '^@ fault domain=wild device=00:1f.2 address=4000000 access=read'
control_has 2 '^@ fault '
control_has 0 'nothing stopped it'
control_has 2 'domain wild died: iommu-fault'
memory_check
machine_end

start -device amd-iommu,intremap=on
control_has 1 'domain wild: 00:1f.0 and 00:1f.3 share the fence of 00:1f.2'
memory_check
machine_end

# Behind a bridge to conventional PCI, whose own ID the controller's requests carry.
device='address 02:01.0' disk_bus=behind.0
start -device intel-iommu,intremap=on,caching-mode=off -device pcie-root-port,id=root,bus=pcie.0,addr=4 \
	-device pcie-pci-bridge,id=bridge,bus=root -device ich9-ahci,id=behind,bus=bridge,addr=1
control_has 1 'domain wild: 01:00.0 shares the fence of 02:01.0'
control_has 1 '^@ fault domain=wild device=02:01.0 address=4000000 access=write'
control_has 1 '^@ fault domain=wild device=02:01.0 address=4000000 access=read'
memory_check
machine_end
device='class 010601' disk_bus=ide.0

# Two domains behind one fence are refused.
make_manifest
sed 's/class 010601/address 00:1f.3/; s/domain wild/domain other/; /^domain main/,/cmdline/d' "$scratch/manifest" >"$scratch/other"
cat "$scratch/other" >>"$scratch/manifest"
machine_start '' -device amd-iommu,intremap=on
until_said '^@ refused reason=domain other: its device shares a fence with another domain'
control_has 1 'domain other: 00:1f.3 cannot be fenced: 00:1f.2 behind its fence: another domain owns it'
machine_end

make_manifest
# Without one the same sectors land: the search would have found them.
sed -i 's/^    restart/    unfenced\n    restart/' "$scratch/manifest"
machine_start ''
until_said 'wild: life 1, nothing stopped it'
memory_save 0 $((ram_mib << 20)) "$scratch/memory"
[ "$(count_landed A)" -eq $slots ] || fail "without an IOMMU the reads did not land elsewhere: the test shows nothing"
machine_end
echo PASS
