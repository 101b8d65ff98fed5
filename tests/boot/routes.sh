# SPDX-License-Identifier: MIT
# Addresses, routes and a link's state, as busybox's ip sets them; which way packets then go; and the errors of connections that cannot be: no
# route, nobody answers on the network, nobody listens. Both modes.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

make_root
cat >"$scratch/root/turn.sh" <<'END'
say() { "$@" 2>&1 && echo "ok: $*"; }
try() { wget -q -O /dev/null "http://$1/" 2>&1 | sed 's/.*: //'; }
say ip route add 10.9.0.0/16 via 10.0.2.3
say ip route add 10.9.7.0/24 dev eth0
say ip route add 10.9.0.0/16 via 10.0.2.3
say ip route add 10.8.0.0/16 via 192.168.7.1
say ip -6 route add 2001:db8::/32 via fe80::2 dev eth0
ip route | sed 's/ *$//'
ip -6 route | sed -n 's/ *$//; /2001/p'
ip route get 10.9.1.1 | sed 's/ *$//'
ip route get 10.9.7.1 | sed 's/ *$//'
say ip route del 10.9.7.0/24 dev eth0
say ip route del 10.9.7.0/24 dev eth0
say ip -6 route del 2001:db8::/32
say ip route del 10.9.0.0/16
say ip route replace default via 192.168.7.1
say ip route replace 10.9.0.0/16 via 10.0.2.3
say ip route replace 10.9.0.0/16 via 10.0.2.4
say ip route replace 10.9.0.0/16 via 192.168.7.1
ip route | sed 's/ *$//'
say ip route replace default via 10.0.2.3
ip route get 10.77.1.1 | sed 's/ *$//'
say ip route replace default via 10.0.2.2
say ip route del 10.9.0.0/16
say ip -6 addr add 2001:db8::5/64 dev eth0
ip -6 addr show dev eth0 | awk '/2001/ { print $2 }'
say ip -6 route add 2001:db8:7::/48 via 2001:db8::9
say ip -6 route add 2001:db8:8::/48 via 2001:db9::9
say ip -6 route add 2001:db8:8::/48 via 2001:db8::5
say ip -6 route add 2001:db8:8::/48 via fe80::2
ip -6 route | sed -n 's/ *$//; /2001:db8:[78]:/p'
say ip -6 route del 2001:db8:7::/48
say ip -6 addr del 2001:db8::5/64 dev eth0
echo "refused: $(try 10.0.2.15:9)"
echo "silent: $(try 10.0.2.77:9)"
say ip route del default
echo "no route: $(try 10.77.1.1:9)"
say ip link set eth0 down
echo "down: $(try 10.0.2.2:9)"
say ip link set eth0 up
say ip route add default via 10.0.2.2
say ip addr add 10.0.2.16/24 dev eth0
say ip addr add 10.0.2.16/24 dev eth0
say ip addr add 10.66.0.1/16 dev eth0
ip -4 addr show dev eth0 | sed -n 's/ *inet //p'
ip route | sed 's/ *$//'
answers() { ping -c 1 -W 30 "$@" 2>&1 | awk -v to="$*" '/ received/ { print "answers to " to ": " $4 }'; }
answers -I 10.0.2.16 10.0.2.2
answers -I 10.0.2.15 10.0.2.2
answers 10.66.0.1
source_of() { netstat -tn | awk -v to="$1:9" '$5 == to { sub(":.*", "", $4); print "from " $4 " to " $5 }'; }
from() { nc "$1" 9 & until source_of "$1" | grep .; do kill -0 $! 2>/dev/null || { nc "$1" 9 & }; sleep 0.1; done; kill $!; }
from 10.66.7.7
from 10.0.2.77
say ip route add 10.9.0.0/16 via 10.66.0.9
from 10.9.1.1
say ip route replace default via 10.66.0.8
from 10.77.1.1
say ip route replace default via 10.0.2.2
say ip addr del 10.0.2.15/24 dev eth0
ip -4 addr show dev eth0 | sed -n 's/ *inet //p'
answers 10.0.2.2
say ip link set eth0 down
say ip link set eth0 up
answers 10.0.2.2
say ip addr del 10.66.0.1/16 dev eth0
say ip addr del 10.66.0.1/16 dev eth0
say ip addr add 10.1.2.3/32 dev lo
answers 10.1.2.3
say ip addr del 10.1.2.3/32 dev lo
ip -4 addr | sed -n 's/ *inet //p'
for n in $(seq 40); do ip addr add 10.67.$n.1/24 dev eth0 2>&1; done | sort | uniq -c | sed 's/^ *//'
for n in $(seq 32); do ip addr del 10.67.$n.1/24 dev eth0; done
say ip addr del 10.0.2.16/24 dev eth0
END
for mode in $modes; do
	boot 0 --mode "$mode" --net user --timeout 300 --root "$scratch/root" -- sh /turn.sh
	output "ok: ip route add 10.9.0.0/16 via 10.0.2.3
ok: ip route add 10.9.7.0/24 dev eth0
ip: RTNETLINK answers: File exists
ip: RTNETLINK answers: Network is unreachable
ok: ip -6 route add 2001:db8::/32 via fe80::2 dev eth0
default via 10.0.2.2 dev eth0
10.0.2.0/24 dev eth0 scope link  src 10.0.2.15
10.9.0.0/16 via 10.0.2.3 dev eth0
10.9.7.0/24 dev eth0 scope link
2001:db8::/32 via fe80::2 dev eth0
10.9.1.1 via 10.0.2.3 dev eth0  src 10.0.2.15
10.9.7.1 dev eth0  src 10.0.2.15
ok: ip route del 10.9.7.0/24 dev eth0
ip: RTNETLINK answers: No such process
ok: ip -6 route del 2001:db8::/32
ok: ip route del 10.9.0.0/16
ip: RTNETLINK answers: Network is unreachable
ok: ip route replace 10.9.0.0/16 via 10.0.2.3
ok: ip route replace 10.9.0.0/16 via 10.0.2.4
ip: RTNETLINK answers: Network is unreachable
default via 10.0.2.2 dev eth0
10.0.2.0/24 dev eth0 scope link  src 10.0.2.15
10.9.0.0/16 via 10.0.2.4 dev eth0
ok: ip route replace default via 10.0.2.3
10.77.1.1 via 10.0.2.3 dev eth0  src 10.0.2.15
ok: ip route replace default via 10.0.2.2
ok: ip route del 10.9.0.0/16
ok: ip -6 addr add 2001:db8::5/64 dev eth0
2001:db8::5/64
ok: ip -6 route add 2001:db8:7::/48 via 2001:db8::9
ip: RTNETLINK answers: No route to host
ip: RTNETLINK answers: Invalid argument
ip: RTNETLINK answers: Invalid argument
2001:db8:7::/48 via 2001:db8::9 dev eth0
ok: ip -6 route del 2001:db8:7::/48
ok: ip -6 addr del 2001:db8::5/64 dev eth0
refused: Connection refused
silent: No route to host
ok: ip route del default
no route: Network is unreachable
ok: ip link set eth0 down
down: Network is unreachable
ok: ip link set eth0 up
ok: ip route add default via 10.0.2.2
ok: ip addr add 10.0.2.16/24 dev eth0
ip: RTNETLINK answers: File exists
ok: ip addr add 10.66.0.1/16 dev eth0
10.0.2.15/24 brd 10.0.2.255 scope global eth0
10.0.2.16/24 brd 10.0.2.255 scope global secondary eth0
10.66.0.1/16 brd 10.66.255.255 scope global eth0
default via 10.0.2.2 dev eth0
10.0.2.0/24 dev eth0 scope link  src 10.0.2.15
10.66.0.0/16 dev eth0 scope link  src 10.66.0.1
answers to -I 10.0.2.16 10.0.2.2: 1
answers to -I 10.0.2.15 10.0.2.2: 1
answers to 10.66.0.1: 1
from 10.66.0.1 to 10.66.7.7:9
from 10.0.2.15 to 10.0.2.77:9
ok: ip route add 10.9.0.0/16 via 10.66.0.9
from 10.66.0.1 to 10.9.1.1:9
ok: ip route replace default via 10.66.0.8
from 10.66.0.1 to 10.77.1.1:9
ok: ip route replace default via 10.0.2.2
ok: ip addr del 10.0.2.15/24 dev eth0
10.0.2.16/24 brd 10.0.2.255 scope global eth0
10.66.0.1/16 brd 10.66.255.255 scope global eth0
answers to 10.0.2.2: 1
ok: ip link set eth0 down
ok: ip link set eth0 up
answers to 10.0.2.2: 1
ok: ip addr del 10.66.0.1/16 dev eth0
ip: RTNETLINK answers: Cannot assign requested address
ok: ip addr add 10.1.2.3/32 dev lo
answers to 10.1.2.3: 1
ok: ip addr del 10.1.2.3/32 dev lo
127.0.0.1/8 scope host lo
10.0.2.16/24 brd 10.0.2.255 scope global eth0
8 ip: RTNETLINK answers: No buffer space available
ok: ip addr del 10.0.2.16/24 dev eth0"
done
