# SPDX-License-Identifier: MIT
# Addresses with labels (eth0:1): made, changed, asked for and taken down by ifconfig, shown and given by ip, and kept by the one that follows when the first
# address of an interface is gone. And the flags of an interface that listens to more, by both.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

boot 0 --net user -- 'show() { ip -4 addr show dev $1 | awk "/inet/ { print \$2, \$NF }"; }
ifconfig eth0:1 192.168.5.1 netmask 255.255.0.0; show eth0
ifconfig eth0:1 | sed -n "s/^ *inet addr/inet/p"; ifconfig | grep -c "^eth0:1 "
ifconfig eth0:1 192.168.6.1; show eth0
ip addr add 10.9.8.7/24 dev eth0 label eth0:web; ifconfig eth0:web | sed -n "s/^ *inet addr/inet/p"
ip addr del 10.0.2.15/24 dev eth0; show eth0
ifconfig eth0:web down; ifconfig eth0:web down; show eth0
ifconfig eth0:1 down; show eth0
ifconfig lo:0 10.4.4.4 netmask 255.255.255.255; show lo
ifconfig eth7:1 1.2.3.4
ifconfig eth0 promisc; cat /sys/class/net/eth0/flags; ip link set eth0 promisc off; ifconfig eth0 allmulti; cat /sys/class/net/eth0/flags
ifconfig eth0 -allmulti; cat /sys/class/net/eth0/flags'
output '10.0.2.15/24 eth0
192.168.5.1/16 eth0:1
inet:192.168.5.1  Bcast:192.168.255.255  Mask:255.255.0.0
1
10.0.2.15/24 eth0
192.168.6.1/24 eth0:1
inet:10.9.8.7  Bcast:10.9.8.255  Mask:255.255.255.0
192.168.6.1/24 eth0:1
10.9.8.7/24 eth0:web
ifconfig: SIOCSIFFLAGS: Cannot assign requested address
192.168.6.1/24 eth0:1
127.0.0.1/8 lo
10.4.4.4/32 lo:0
ifconfig: SIOCSIFADDR: No such device
0x1103
0x1203
0x1003'
echo PASS
