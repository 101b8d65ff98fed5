# SPDX-License-Identifier: MIT
# Debian's iproute2 in the guest: addresses, links, routes, neighbours and sockets as its ip and ss tell and change them.
# long
. tests/packages/packages.bash

packages bash,coreutils,sed,iproute2,netcat-openbsd
in_guest 0 'exec 2>&1
ip -br -4 addr | sed "s/ *$//"
ip -4 addr add 10.0.2.16/24 dev eth0; ip addr add 10.66.0.1/16 dev eth0
ip -4 -o addr show dev eth0 | sed "s/  */ /g; s/ *\\\\.*//"
ip route | sed "s/ *$//"
ip route get 10.66.1.2 | sed "s/ uid.*//; s/ *$//; 2d"
ip route add 10.9.0.0/16 via 10.66.0.9; ip route show 10.9.0.0/16 | sed "s/ *$//"
ip route add blackhole 7.7.7.0/24; ip route del blackhole 7.7.7.0/24
ip route add 10.8.0.0/16 via 10.66.0.9 src 10.0.2.16; ip route add 10.8.0.0/16 via 10.66.0.9 mtu 1300
ip route add 10.8.0.0/16 nexthop via 10.66.0.9 nexthop via 10.66.0.8; ip route show 10.8.0.0/16
ip route add 10.7.0.0/16 via 10.66.0.9 src 10.66.0.1 && ip route del 10.7.0.0/16
ip addr del 10.66.0.1/16 dev eth0; ip addr add 10.0.2.16/24 dev eth0
lives() { ip -6 addr show dev eth0 | sed -n "/$1/{N;s/tentative //;s/ *\n */, /;s/^ *//;p}"; }
until lives fec0: | grep -q .; do sleep 0.1; done
lives fec0: | sed "s/[0-9a-f:]*\/64/NETWORK/; s/[0-9][0-9][0-9]*sec/SOME/g"
ip addr flush dev eth0; ip -6 addr add fec0::77/64 dev eth0; lives fec0::77
ip -6 addr add fd00::5/64 dev eth0 valid_lft 3000 preferred_lft 0; ip -6 addr add fd00::5/64 dev eth0
until lives fd00::5 | grep -q deprecated; do sleep 0.1; done; lives fd00::5 | sed "s/[0-9][0-9][0-9]*sec/SOME/"
ip -6 addr change fd00::5/64 dev eth0; lives fd00::5
ip -6 addr add fd00::6/64 dev eth0 valid_lft 2 preferred_lft 1
until [ -z "$(lives fd00::6)" ]; do sleep 0.1; done; echo its time is over
ip addr add 192.168.1.1 peer 192.168.1.2 dev eth0; ip -6 addr add fd00::7 peer fd00::8 dev eth0
ip addr add 10.0.2.15/24 dev eth0; ip addr add 10.0.2.16/24 dev eth0; ip route add default via 10.0.2.2
ip -br link show lo | sed "s/ *$//"
ip link set eth0 mtu 1400; cat /proc/net/route | wc -l; ip -o link show eth0 | sed "s/.*\(mtu [0-9]*\).*/\1/"
bash -c "exec 3<>/dev/tcp/10.0.2.2/1" 2>/dev/null; ip neigh show 10.0.2.2 | sed "s/ lladdr.*//"
bash -c "exec 3<>/dev/udp/127.0.0.1/53; ss -Huan" | sed "s/  */ /g; s/:[0-9]* 127/:PORT 127/; s/ *$//"
nc -l 5001 & until ss -tlnpH | grep -q "5001 .*nc"; do :; done; kill $!; wait; ss -tlnH "sport = 5001" | wc -l' --memory 256M --net user --timeout 60
output "lo               UNKNOWN        127.0.0.1/8
eth0             UP             10.0.2.15/24
2: eth0 inet 10.0.2.15/24 brd 10.0.2.255 scope global eth0
2: eth0 inet 10.0.2.16/24 brd 10.0.2.255 scope global secondary eth0
2: eth0 inet 10.66.0.1/16 brd 10.66.255.255 scope global eth0
default via 10.0.2.2 dev eth0 proto dhcp
10.0.2.0/24 dev eth0 proto kernel scope link src 10.0.2.15
10.66.0.0/16 dev eth0 proto kernel scope link src 10.66.0.1
10.66.1.2 dev eth0 src 10.66.0.1
10.9.0.0/16 via 10.66.0.9 dev eth0
RTNETLINK answers: Operation not supported
RTNETLINK answers: Operation not supported
RTNETLINK answers: Operation not supported
RTNETLINK answers: Operation not supported
RTNETLINK answers: Operation not supported
RTNETLINK answers: File exists
inet6 NETWORK scope global dynamic, valid_lft SOME preferred_lft SOME
inet6 fec0::77/64 scope global, valid_lft forever preferred_lft forever
RTNETLINK answers: File exists
inet6 fd00::5/64 scope global deprecated dynamic, valid_lft SOME preferred_lft 0sec
inet6 fd00::5/64 scope global, valid_lft forever preferred_lft forever
its time is over
RTNETLINK answers: Operation not supported
RTNETLINK answers: Operation not supported
lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>
4
mtu 1400
10.0.2.2 dev eth0
ESTAB 0 0 127.0.0.1:PORT 127.0.0.1:53
0"
known_calls
