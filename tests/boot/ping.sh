# SPDX-License-Identifier: MIT
# busybox's ping to this machine itself and to one on the network, IPv4 and IPv6, small and in fragments, by raw sockets; and
# tests/guest/echoes, as somebody without privileges. Who does not answer is reported (tests/guest/silence). Both modes.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

make_root
cp "$BUILD"/tests/guest/{echoes,silence} "$scratch/root/" || fail "build the guest tests first: make guest-tests"
cat >"$scratch/root/turn.sh" <<'END'
try() { echo "$* $(ping "$@" 2>&1 | awk '/ received/ { print $4 } /denied|permitted/ { print "denied" }')"; }
while ! grep -q '^fec0.* 00 00 ' /proc/net/if_inet6; do sleep 0.1; done # what the router has said
/silence 10.0.2.77 fec0::77 >/tmp/silence &
for to in 127.0.0.1 10.0.2.2 ::1; do
	try -c 2 -i 0.1 $to
	try -c 1 -s 5000 $to
done
try -c 2 -s 1400 fec0::2 # whose network puts no fragments together
try -c 1 -s 60000 127.0.0.1
try -c 1 -s 60000 ::1
try -c 1 -W 1 10.0.2.78
/echoes
wait
echo "1 0" >/proc/sys/net/ipv4/ping_group_range
/echoes
cat /proc/sys/net/ipv4/ping_group_range
cat /tmp/silence
END
turn="-c 2 -i 0.1 127.0.0.1 2
-c 1 -s 5000 127.0.0.1 1
-c 2 -i 0.1 10.0.2.2 2
-c 1 -s 5000 10.0.2.2 1
-c 2 -i 0.1 ::1 2
-c 1 -s 5000 ::1 1
-c 2 -s 1400 fec0::2 2
-c 1 -s 60000 127.0.0.1 1
-c 1 -s 60000 ::1 1
-c 1 -W 1 10.0.2.78 0
ok as_the_range_says
ok as_the_range_says
1	0
ok heard
ok many_connects
ok heard
ok many_connects"
for mode in $modes; do
	boot 0 --mode "$mode" --net user --capture "$scratch/$mode'\",&.pcap" --timeout 300 --root "$scratch/root" -- sh /turn.sh
	output "$turn"
	# The frames are there, as pcap for Ethernet; among them an echo to the router and its answer (behind the record's and Ethernet's headers).
	frames=$(od -An -v -tx1 -w100000000 "$scratch/$mode'\",&.pcap")
	[ "$(echo ${frames:0:72})" = "d4 c3 b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 01 00 01 00 00 00" ] || fail "no pcap: ${frames:0:72}"
	for echo in "01 .. .. 0a 00 02 0f 0a 00 02 02 08 00" "01 .. .. 0a 00 02 02 0a 00 02 0f 00 00"; do
		echo "$frames" | grep -q " 08 00 45 .. .. .. .. .. .. .. .. $echo " || fail "$echo is not among the captured frames"
	done
done
