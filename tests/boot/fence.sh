# SPDX-License-Identifier: MIT
# The device of a dead domain reaches no memory after the fence. A driver gives the controller eight seconds' worth of reads (the disk is
# throttled), and is killed; the reset is skipped on purpose, so the controller goes on with its queue. QEMU's monitor shows the machine's
# memory from outside. Run with either IOMMU: from the fence on no byte of the buffer changes, also when the disk is no longer throttled. Run once
# without it: the rest of the queue lands, so the others would have noticed. (QEMU translates a read's addresses when it begins it: the one that is
# under way at the fence may still land, so memory is compared from one second after.)
# not on bochs: it has no IOMMU
. tests/boot/assert.bash
. tests/boot/qemu.bash

slot=65536 slots=32
buffer_bytes=$((slot * slots))

# start [QEMU's arguments]: a machine with a domain "dma" that has set its queue going.
start() {
	cat >"$scratch/manifest" <<-END
	domain main
	    main
	    image     $(realpath "$BUILD/probe.elf")
	    memory    2M
	    cmdline   idle
	domain dma
	    image     $(realpath "$BUILD/probe.elf")
	    memory    8M
	    cmdline   dma
	    device    class 010601
	    unfenced
	    test-no-reset
	END
	machine_start ,throttling.bps-read=131072 "$@"
	until_said 'dma: queue left'
}

# buffer_find: the host-physical address of the buffer, a page behind the mark (probe_dma.c), in $buffer.
buffer_find() {
	local mark
	mark=$(for i in $(seq 0 31); do printf '\\x%02x' $(((0x5b + 0x35 * i) & 255)); done)
	memory_save 0 $((ram_mib << 20)) "$scratch/memory"
	buffer=
	for offset in $(LC_ALL=C grep -obUaP "$mark" "$scratch/memory" | cut -d: -f1); do
		[ $((offset & 4095)) -eq 0 ] && buffer=$((offset + 4096))
	done
	[ -n "$buffer" ] || fail "the driver's buffer is not in memory"
}

# sample NAME: the buffer as it is now.
sample() {
	memory_save "$buffer" "$buffer_bytes" "$scratch/$1"
}

# landed NAME: how many of the reads have arrived in this sample, by the disk's bytes.
landed() {
	local count=0 i
	for i in $(seq 0 $((slots - 1))); do
		cmp -s -n $slot -i $((i * slot)) "$scratch/$1" "$scratch/disk" && count=$((count + 1))
	done
	echo $count
}

# kill_and_watch: kill the driver once some reads have landed; samples "fenced", one second after, and "later", when the disk has read as fast as it can
# until all has landed or, with a fence, for as long as that took twice over.
kill_and_watch() {
	local begin
	for _ in $(seq 600); do
		sample before
		[ "$(landed before)" -ge 3 ] && break
		sleep 0.1
	done
	control 'kill dma'
	until_said '^@ parked domain=dma'
	sleep 1
	sample fenced
	monitor block_set_io_throttle '"device":"disk","bps":0,"bps_rd":0,"bps_wr":0,"iops":0,"iops_rd":0,"iops_wr":0'
	for ((begin = SECONDS; SECONDS < begin + watch; )); do
		sample later
		later=$(landed later)
		[ "$later" -lt $slots ] || break
		sleep 0.2
	done
	before=$(landed before) fenced=$(landed fenced) took=$((SECONDS - begin))
	echo "reads landed: $before before the kill, $fenced one second after the fence, $later of $slots after $took seconds more"
}

head -c $((8 << 20)) /dev/urandom >"$scratch/disk"

echo "without:"
start
buffer_find
watch=300
kill_and_watch
machine_end
[ "$before" -ge 3 ] && [ "$later" -gt "$fenced" ] && [ "$later" -eq $slots ] || fail "without the IOMMU the old queue did not land: the test shows nothing"
watch=$((2 * took + 2))

for iommu in amd-iommu,intremap=on intel-iommu,intremap=on,caching-mode=off; do
	echo "with $iommu:"
	start -device $iommu
	buffer_find
	kill_and_watch
	machine_end
	[ "$before" -ge 3 ] || fail "the queue did not run before the kill"
	[ "$fenced" -lt $slots ] || fail "nothing was left in the queue at the fence: the test shows nothing"
	cmp "$scratch/fenced" "$scratch/later" || fail "memory of the dead domain changed after the fence"
done
echo PASS
