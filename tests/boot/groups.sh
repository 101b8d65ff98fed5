# SPDX-License-Identifier: MIT
# The adapter lets through only what was asked for: frames to groups that somebody has joined, to all of them, or to everybody
# (tests/guest/groups). They come as datagrams that QEMU takes for frames. In the isolated guest, where the filter goes through the control queue to the
# adapter's domain, before and after that was killed; in the monolithic kernel; and by QEMU's virtio-net, another judge of the control queue.
# A frame that is too long is one of the adapter's counters, that the guest reads (rx_length_errors).
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash
. tests/boot/qemu.bash

bytes() { # HEX...: to stdout
	local hex
	for hex; do
		printf "\\x$hex"
	done
}

frame() { # NAME TO: an Ethernet frame of 60 bytes, of no protocol that anybody knows
	{ bytes ${2//:/ } 02 00 00 00 00 01 88 b5; head -c 46 /dev/zero; } >"$scratch/frame.$1"
}

# datagram NAME TEXT: from 192.168.77.9 to 239.1.2.3, port 5000, without a UDP checksum
datagram() {
	local length=$((28 + ${#2})) sum
	sum=$((0x4500 + length + 0x0111 + 0xc0a8 + 0x4d09 + 0xef01 + 0x0203))
	sum=$((0xffff - ((sum & 0xffff) + (sum >> 16))))
	{
		bytes 01 00 5e 01 02 03 02 00 00 00 00 01 08 00 45 00 00 $(printf %02x $length) 00 00 00 00 01 11
		bytes $(printf '%02x %02x' $((sum >> 8)) $((sum & 255))) c0 a8 4d 09 ef 01 02 03 20 00 13 88 00 $(printf %02x $((8 + ${#2}))) 00 00
		printf '%s' "$2"
		head -c $((length < 46 ? 46 - length : 0)) /dev/zero
	} >"$scratch/frame.$1"
}

send() { # NAME [TIMES]
	local n
	for ((n = 0; n < ${2:-1}; n++)); do
		cat "$scratch/frame.$1" >"/dev/udp/127.0.0.1/$port"
	done
}

printed() { # TEXT: the guest's program has
	for _ in $(seq 600); do
		grep -q "^$1" "$out" && return
		sleep 0.1
	done
	return 1
}

# The guest hears: what is sent from now on can be counted.
hears() {
	datagram hello "hello $1"
	for _ in $(seq 300); do
		send hello
		grep -q "^hello $1" "$out" && return
		sleep 0.2
	done
	fail "$machine: the guest does not hear"
}

# round TEXT EXPECTED: ten frames to a group that nobody joined, five to one of IPv6, three to another station, one to a group that was joined
round() {
	datagram round "$1"
	send strange4 10
	send strange6 5
	send other 3
	send joined
	send round
	printed "$1:" || fail "$machine: no answer to $1"
	grep -q "^$1: $2 too long" "$out" || fail "$machine: $(grep "^$1" "$out") instead of $2"
}

rounds() {
	printed joined || fail "$machine: no group was joined"
	hears "$1"
	round "first $1" "2 to groups, 2 altogether, .*"
	round "promisc $1" "2 to groups, 2 altogether, .*"
	round "all $1" "17 to groups, 20 altogether, .*"
	round "plain $1" "17 to groups, 17 altogether, .*"
	round "again $1" "2 to groups, 2 altogether, .*"
}

ends() {
	datagram leave "leave"
	send leave
	printed leave: || fail "$machine: no answer to leave"
	round "end" "1 to groups, 1 altogether, .*"
}

frame strange4 01:00:5e:09:09:09
frame strange6 33:33:00:09:99:99
frame joined 33:33:00:01:12:34
frame other 02:00:00:00:00:77
head -c 1600 /dev/zero >"$scratch/frame.long"
make_root
cp "$BUILD/tests/guest/groups" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
"$vmctl" image "$scratch/root" -o "$scratch/disk" || fail "vmctl image"
echo '/groups eth0' >"$scratch/command"
options='root=auto rw ip=192.168.77.1/24'
console=file:$out

machine=isolated
port_choose 2
cat >"$scratch/manifest" <<END
domain guest
	main
	image $(realpath "$BUILD/guest-kernel.elf")
	memory 64M
	priority 10
	cmdline $options
	module $scratch/command
domain ahci
	image $(realpath "$BUILD/ahci.elf")
	memory 2M
	priority 100
	device class 010601
domain e1000e
	image $(realpath "$BUILD/e1000e.elf")
	memory 2M
	priority 100
	device class 020000
	restart 100 in 60s
link block guest ahci
link net guest e1000e
END
machine_start '' -device amd-iommu,intremap=on -netdev "socket,id=net0,udp=127.0.0.1:$((port + 1)),localaddr=127.0.0.1:$port" \
	-device e1000e,netdev=net0,addr=0x10,romfile=
rounds here
send long 3
round "counted" "2 to groups, 2 altogether, 3"
control 'kill e1000e'
until_said '^@ recovery domain=e1000e'
rounds "after the kill"
send long 2
round "sum" "2 to groups, 2 altogether, 5"
ends
machine_end

# other MACHINE [QEMU's arguments]: the kernel itself
other() {
	machine=$1
	shift
	timeout -k 2 500 qemu-system-x86_64 "$@" -cpu max -m 128 -display none -nodefaults -kernel "$BUILD/guest-kernel.elf" -initrd "$scratch/command" \
		-append "$options" -serial "file:$out" -drive "if=none,id=disk,file=$scratch/disk,format=raw,snapshot=on" \
		-netdev "socket,id=net0,udp=127.0.0.1:$((port + 1)),localaddr=127.0.0.1:$port" <>/dev/null 2>"$scratch/qemu" &
	qemu=$!
	rounds "$machine"
}

other monolithic -M q35 -device ide-hd,drive=disk,bus=ide.0 -device e1000e,netdev=net0,romfile=
send long 3
round "counted" "2 to groups, 2 altogether, 3"
ends
kill $qemu
wait $qemu 2>/dev/null
other microvm -M microvm,acpi=off -global virtio-mmio.force-legacy=false -device virtio-blk-device,drive=disk -device virtio-net-device,netdev=net0
ends
kill $qemu
wait $qemu 2>/dev/null
qemu=
echo PASS
