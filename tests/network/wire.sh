# SPDX-License-Identifier: MIT
# A guest and this machine's own Linux at the two ends of a bad cable (tests/network/wire.c), which loses, repeats, damages, delays and reorders frames
# and is cut for seconds: virtio-net on QEMU's microvm, and the 82574L, bare. Over it go bulk transfers both ways, short connections, windows that are
# shut, datagrams and pings in fragments, over IPv4 and IPv6 (tests/network/traffic.c). Every byte that arrives is right, every connection ends as it
# should, few losses cost a timeout, and memory comes back. WIRE_SEED (7): of what befalls the frames.
#
# Over IPv4 less is asked of the 82574L out of the guest: QEMU 7.2 makes IP fragments of what the adapter is to segment, so a frame that is lost costs
# all of them; and of two that are damaged TCP's one checksum over all may see nothing.
# limit: 200
# not on bochs: its adapter can't be given a socket
[ "${WIRE_APART:-}" ] || WIRE_APART=1 exec unshare --map-root-user --net bash "$0" # a network of its own
. tests/boot/assert.bash
. tests/boot/machine.bash

wire=
trap '[ -z "$qemu" ] || kill -9 $qemu 2>/dev/null; [ -z "$wire" ] || kill $wire 2>/dev/null' EXIT
traffic=$BUILD/net-traffic here=10.9.0.1 four=10.9.0.2 six=fd09::2
ip link set lo up
mkdir -p "$scratch/root/bin"
cp "$traffic" "$scratch/root/bin/"
"$vmctl" image "$scratch/root" -o "$scratch/image" || fail "vmctl image"
printf 'ip -6 addr add %s/64 dev eth0; exec net-traffic serve' $six >"$scratch/command"

wire_start() {
	mkfifo "$scratch/commands"
	"$BUILD/net-wire" "$scratch/socket" wire0 "${WIRE_SEED:-7}" <>"$scratch/commands" >"$scratch/wire" 2>&1 &
	wire=$!
	exec 6<>"$scratch/commands"
	for _ in $(seq 100); do
		grep -q ready "$scratch/wire" && break
		kill -0 $wire 2>/dev/null || fail "the wire: $(cat "$scratch/wire")"
		sleep 0.05
	done
	ip link set wire0 txqueuelen 10000 up && ip addr add $here/24 dev wire0 && ip -6 addr add fd09::1/64 dev wire0 nodad || fail "the tap device"
}

# machine_up [QEMU's arguments]
machine_up() {
	wire_start
	start -m 256 -kernel "$BUILD/guest-kernel.elf" -initrd "$scratch/command" -append "root=auto rw ip=$four/24" \
		-drive "if=none,id=disk,file=$scratch/image,format=raw,snapshot=on" \
		-netdev "stream,id=net,server=off,addr.type=unix,addr.path=$scratch/socket" "$@"
	until_text serving
	memory_before=$(there "$memory_now")
}

machine_down() {
	kill $qemu
	wait $qemu 2>/dev/null
	qemu=
	wait $wire || fail "the wire ended with status $?"
	wire=
	exec 3>&- 6>&-
	rm "$scratch/commands"
}

# wire_count: what befell the frames since the last time, as "passed=N lose=N ..." of both directions, one after the other.
wire_count() {
	local lines
	lines=$(wc -l <"$scratch/wire")
	echo count >&6
	until [ "$(wc -l <"$scratch/wire")" -ge $((lines + 2)) ]; do
		kill -0 $wire 2>/dev/null || fail "the wire has ended"
		sleep 0.02
	done
	tail -n 2 "$scratch/wire"
}

# befell FATE: how many frames, since the last time.
befell() {
	wire_count | tee "$scratch/befell" | sed -n "s/.* $1=\([0-9]*\).*/\1/p" | paste -sd+ | { read -r sum; echo $((sum)); }
}

over() { # HOST WORD COUNT [BYTES]
	local said
	said=$(timeout 100 "$traffic" "$@") || fail "$*: ${said:-it did not end}"
	echo "  $1 $said"
}

there() {
	timeout 60 "$traffic" $four run "$1" || fail "the guest does not carry \"$1\" out"
}

counted() { # FILE GROUP NAME: of /proc/net
	there "cat /proc/net/$1" | awk -v group="$2:" -v name="$3" '$1 == group {
		if (at) {
			print $at
		}
		for (i = 2; !at && i <= NF; i++) {
			at = $i == name ? i : 0
		}
	}'
}

# worse FATE RATE: from now on; better FATE: no more, and it did befall frames.
worse() {
	befell "$1" >/dev/null
	echo "--- $1 $2"
	echo "$1 $2" >&6
}

better() {
	echo "$1 0" >&6
	frames=$(befell "$1")
	sed 's/^/  /' "$scratch/befell"
	[ "$frames" -gt 0 ] || fail "$1: no frame"
}

memory_now="$free_now; free_now"
memory_is_back() {
	local now
	for _ in $(seq 30); do # connections rest for ten seconds, fragments for thirty
		now=$(there "$memory_now")
		[ "$now" -ge $((memory_before - 1024)) ] && break
		sleep 1
	done
	echo "free: $memory_before KiB before, $now KiB now"
	[ "$now" -ge $((memory_before - 1024)) ] || fail "memory is gone: $now of $memory_before KiB"
}

# Transfers go on when a cable of which nothing came for seconds is mended.
cut() { # WORD
	timeout 100 "$traffic" $four "$1" $((48 << 20)) >"$scratch/said" &
	local transfer=$!
	sleep 0.2
	worse cut 1
	sleep 2
	better cut
	wait $transfer || fail "$1 over a cable that was cut: $(cat "$scratch/said")"
	sed 's/^/  /' "$scratch/said"
}

mib=1048576
machine_up -M microvm,acpi=off -global virtio-mmio.force-legacy=false -device virtio-blk-device,drive=disk -device virtio-net-device,netdev=net

worse lose 10
timeouts=$(counted netstat TcpExt TCPTimeouts)
over $four sink $((8 * mib))
over $four source $((8 * mib))
over $six sink $((4 * mib))
over $six source $((8 * mib))
over $six echo $((4 * mib))
better lose
timeouts=$(($(counted netstat TcpExt TCPTimeouts) - timeouts))
lost=$(sed -n 's/^out.* lose=\([0-9]*\).*/\1/p' "$scratch/befell")
echo "  $lost frames of the guest's were lost, $timeouts timeouts"
[ $((timeouts * 8)) -lt "$lost" ] || fail "of $lost lost frames $timeouts cost a timeout"

worse lose 50
over $four sink $((2 * mib))
over $four source $mib
over $six echo $((mib / 2))
over $four many 10 3000
over $four stalled-sink $((2 * mib))
over $four stalled-source $((2 * mib))
better lose
worse lose 10
over $four datagrams 40 9000
over $six datagrams 40 1400
there "ping -c 10 -i 0.1 -s 8000 $here | tail -n 2 | head -n 1; ping6 -c 10 -i 0.1 -s 8000 fd09::1 | tail -n 2 | head -n 1" | tee "$scratch/pings"
grep -c '[1-9][0-9]* packets received' "$scratch/pings" | grep -qx 2 || fail "no ping of several fragments came back"
better lose

for fate in "repeat 50" "late 50" "damage 10"; do
	worse $fate
	for to in $four $six; do
		over $to sink $((4 * mib))
		over $to source $((4 * mib))
		over $to echo $mib
		over $to datagrams 30 9000
	done
	better ${fate% *}
done
[ "$(counted snmp Tcp InErrs)" -gt 0 ] || fail "damaged segments were not noticed"
worse delay 5000 # with a round trip of 10 ms and everything at once
for fate in "lose 5" "repeat 10" "late 10" "damage 5"; do
	echo "$fate" >&6
done
over $four source $((2 * mib))
over $four sink $((2 * mib))
for fate in delay lose repeat late damage; do
	echo "$fate 0" >&6
done
cut source
cut sink
memory_is_back
machine_down

machine_up -M q35 -device ide-hd,drive=disk,bus=ide.0 -device e1000e,netdev=net
for fate in "lose 10" "repeat 50" "late 50" "damage 10"; do
	worse $fate
	over $four sink $((8 * mib))
	[ "${fate% *}" = damage ] || over $four source $((2 * mib))
	over $six sink $((4 * mib))
	over $six source $((4 * mib))
	over $six echo $mib
	over $six datagrams 30 9000
	better ${fate% *}
done
over $four echo $((4 * mib))
memory_is_back
machine_down
echo PASS
