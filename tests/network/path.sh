# SPDX-License-Identifier: MIT
# A way that takes packets of 1200 bytes only, of IPv6 1280, behind a router that says so (RFC 1191, RFC 8201): this machine's Linux, in a network of
# its own, between the guest and a host that is another such network. Transfers both ways over both families are whole, and the router has to
# say it a few times only; datagrams come, in fragments of that size. tests/linux/inet_path.c has what programs are told of it.
# limit: 120
# not on bochs: its adapter can't be given a socket
[ "${WIRE_APART:-}" ] || WIRE_APART=1 exec unshare --map-root-user --net bash "$0" # a network of its own
. tests/boot/assert.bash
. tests/boot/machine.bash

wire= there=
trap '[ -z "$qemu" ] || kill -9 $qemu 2>/dev/null; [ -z "$wire" ] || kill $wire 2>/dev/null; [ -z "$there" ] || kill $there 2>/dev/null' EXIT
traffic=$BUILD/net-traffic guest4=10.9.0.2 guest6=fd09::2
ip link set lo up
mkdir -p "$scratch/root/bin"
cp "$traffic" "$scratch/root/bin/"
"$vmctl" image "$scratch/root" -o "$scratch/image" || fail "vmctl image"
printf 'ip -6 addr add %s/64 dev eth0; ip route add default via 10.9.0.1; ip -6 route add fd08::/64 via fd09::1 dev eth0; exec net-traffic serve' \
	$guest6 >"$scratch/command"

# The router, and the host behind it.
mkfifo "$scratch/commands" "$scratch/end"
"$BUILD/net-wire" "$scratch/socket" wire0 1 <>"$scratch/commands" >"$scratch/wire" 2>&1 &
wire=$!
exec 5<>"$scratch/end"
unshare --net bash -c 'ip link set lo up; echo here; read -r _' <&5 >"$scratch/there" &
there=$!
for _ in $(seq 100); do
	grep -q ready "$scratch/wire" && grep -q here "$scratch/there" && break
	sleep 0.05
done
ip link set wire0 txqueuelen 10000 up && ip addr add 10.9.0.1/24 dev wire0 && ip -6 addr add fd09::1/64 dev wire0 nodad || fail "the tap device"
ip link add near type veth peer name far && ip link set far netns $there || fail "the second link"
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
# What the devices would put together or cut themselves is to be packets.
for name in near wire0; do
	ip link set $name gso_max_segs 1 2>/dev/null
done
ip link set near up && ip addr add 10.8.0.1/24 dev near && ip -6 addr add fd08::1/64 dev near nodad || fail "the router"
ip route add 10.8.0.2 dev near mtu lock 1200 && ip -6 route add fd08::2 dev near mtu lock 1280 || fail "the router's routes"
nsenter -t $there -n sh -c 'ip link set far up && ip addr add 10.8.0.2/24 dev far && ip -6 addr add fd08::2/64 dev far nodad &&
	ip route add default via 10.8.0.1 && ip -6 route add fd09::/64 via fd08::1' || fail "the host behind the router"

from_there() { # HOST WORD COUNT [BYTES]
	local said
	said=$(nsenter -t $there -n timeout 60 "$traffic" "$@") || fail "$*: ${said:-it did not end}"
	echo "  $1 $said"
}

in_guest_run() {
	timeout 60 "$traffic" $guest4 run "$1" || fail "the guest does not carry \"$1\" out"
}

too_big() { # How often the router has said so.
	awk '$1 == "Icmp:" && !at { for (i = 2; i <= NF; i++) if ($i == "OutDestUnreachs") at = i; next } $1 == "Icmp:" { print $at }' /proc/net/snmp
	awk '$1 == "Icmp6OutPktTooBigs" { print $2 }' /proc/net/snmp6
}

start -m 256 -kernel "$BUILD/guest-kernel.elf" -initrd "$scratch/command" -append "root=auto rw ip=$guest4/24" -M microvm,acpi=off \
	-drive "if=none,id=disk,file=$scratch/image,format=raw,snapshot=on" -netdev "stream,id=net,server=off,addr.type=unix,addr.path=$scratch/socket" \
	-global virtio-mmio.force-legacy=false -device virtio-blk-device,drive=disk -device virtio-net-device,netdev=net
until_text serving

mib=1048576
for guest in $guest4 $guest6; do
	from_there $guest source $((8 * mib))
	from_there $guest sink $((2 * mib))
	from_there $guest echo $((4 * mib))
	from_there $guest many 10 3000
	from_there $guest datagrams 40 1400 | tee "$scratch/datagrams"
	back=$(sed -n 's/.*back=\([0-9]*\).*/\1/p' "$scratch/datagrams")
	[ "$back" -ge 39 ] || fail "of 40 datagrams $back came back" # the first was too large
done
mapfile -t told < <(too_big)
echo "too large, said the router: ${told[0]} times over IPv4, ${told[1]} over IPv6"
for count in "${told[@]}"; do # what was on its way until it was heard the first time
	[ "$count" -gt 0 ] && [ "$count" -le 100 ] || fail "the router had to say \"too large\" $count times"
done
in_guest_run 'ip link set eth0 mtu 1000' # and shorter yet, at the guest's own end, while connections are there
from_there $guest4 source $((2 * mib))
from_there $guest4 datagrams 10 1400 | grep back=10 || fail "datagrams that are longer than the guest's own MTU"
kill $qemu
wait $qemu 2>/dev/null
qemu=
echo PASS
