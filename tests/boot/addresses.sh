# SPDX-License-Identifier: MIT
# not on bochs: it is about adapters of QEMU
# A network interface's addresses: by DHCP, from the command line, by hand with busybox's ip and ifconfig; as /proc/net tells them. The
# adapter behind the IOMMU, the same in the monolithic kernel, and virtio-net on QEMU's microvm, where packets from outside are answered.
. tests/boot/assert.bash
. tests/boot/machine.bash

by_dhcp='default via 10.0.2.2 dev eth0
10.0.2.0/24 dev eth0 scope link  src 10.0.2.15
10.0.2.15
#PROTO: DHCP
nameserver 10.0.2.3
eth0 00000000 0202000A 0003 00000000
eth0 0002000A 00000000 0001 00FFFFFF'
ask='ip route | sed "s/ *$//"; ifconfig eth0 | sed -n "s/.*inet addr:\([0-9.]*\).*/\1/p"; cat /proc/net/pnp
	sed 1d /proc/net/route | cut -f1,2,3,4,8 | tr "\t" " "'
for mode in isolated monolithic; do
	boot 0 --mode $mode --net user -- "$ask"
	output "$by_dhcp"
done

boot 0 --net user --ip 10.0.2.77/16,gateway=10.0.2.2,dns=10.0.2.3 -- "ip -4 addr show dev eth0 | sed -n 's/.*inet //p'; sed 1d /proc/net/pnp
	ip route del default; ip addr del 10.0.2.77/16 dev eth0; ip addr add 10.0.2.78/24 dev eth0
	ip link set eth0 mtu 1400; ip route add default via 10.0.2.9
	ip route | sed 's/ *$//'; cat /proc/net/if_inet6 | cut -c1-4 | head -n 2; ifconfig eth0 10.1.2.3 netmask 255.255.0.0
	ifconfig eth0 | grep -o 'addr:1.*\|MTU:[0-9]*'
	ip route add default via 10.7.7.7; ip link set eth0 down; ip link show eth0 | grep -c LOWER_UP; ip link show dev eth7; true"
output '10.0.2.77/16 brd 10.0.255.255 scope global eth0
nameserver 10.0.2.3
default via 10.0.2.9 dev eth0
10.0.2.0/24 dev eth0 scope link  src 10.0.2.78
0000
fe80
addr:10.1.2.3  Bcast:10.1.255.255  Mask:255.255.0.0
MTU:1400
ip: RTNETLINK answers: Network is unreachable
0
ip: can'"'"'t find device '"'eth7'"

# Names are asked of the server that DHCP told of: the link that vmctl puts into a root leads there.
boot 0 --net user -- 'cat /etc/resolv.conf; timeout 20 nslookup nowhere.invalid >/dev/null 2>&1 &
	until ip neigh | grep -c "^10.0.2.3 dev eth0 lladdr "; do sleep 0.1; done | tail -n 1; kill $! 2>/dev/null; true'
output '#PROTO: DHCP
nameserver 10.0.2.3
1'

boot 0 --net user --mac 52:54:00:00:00:07 --ip none -- 'cat /sys/class/net/eth0/address; ip -4 addr show dev eth0 | grep -c inet; cat /proc/net/dev | wc -l'
output '52:54:00:00:00:07
0
4'

# Who connects to a port where nobody listens is refused at once: the packets go both ways, and are not waited for.
"$vmctl" image -o "$scratch/root.img" || fail "vmctl image"
printf 'nc -l -p 80 -e echo hello from the microvm; sed 1d /proc/net/arp | cut -c1-9' >"$scratch/command"
port_choose
timeout -k 2 200 qemu-system-x86_64 -M microvm,acpi=off -global virtio-mmio.force-legacy=false -cpu max -m 128 -display none -nodefaults \
	-kernel "$BUILD/guest-kernel.elf" -initrd "$scratch/command" -append 'root=auto rw' -serial "file:$out" \
	-drive "if=none,id=disk,file=$scratch/root.img,format=raw" -device virtio-blk-device,drive=disk \
	-netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:80" -device virtio-net-device,netdev=net <>/dev/null 2>"$scratch/qemu" &
qemu=$!
for _ in $(seq 300); do
	answer=$( (timeout 60 cat <"/dev/tcp/127.0.0.1/$port") 2>/dev/null)
	[ -n "$answer" ] && break
	sleep 0.2
done
kill $qemu
wait $qemu 2>/dev/null
qemu=
[ "$answer" = "hello from the microvm" ] || fail "the microvm answered \"$answer\""
