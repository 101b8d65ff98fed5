# SPDX-License-Identifier: MIT
# Debian's tcpdump in the guest on the adapter, the loopback and all interfaces (libpcap's ring), arping of iputils, and what ss, nstat, netstat and ip
# say of it.
# limit: 200
# long
. tests/packages/packages.bash

packages bash,coreutils,sed,grep,iproute2,net-tools,tcpdump,iputils-ping,iputils-arping
in_guest 0 'bash /test/tcpdump.sh' --memory 256M --net user --timeout 60
output "== echo
IP 10.0.2.15 > 10.0.2.2: ICMP echo request, id N, seq 1, length 64
IP 10.0.2.2 > 10.0.2.15: ICMP echo reply, id N, seq 1, length 64
IP 10.0.2.15 > 10.0.2.2: ICMP echo request, id N, seq 2, length 64
IP 10.0.2.2 > 10.0.2.15: ICMP echo reply, id N, seq 2, length 64
1
received 1 response(s)
== arp
ARP, Request who-has 10.0.2.2 (ff:ff:ff:ff:ff:ff) tell 10.0.2.15, length 28
ARP, Reply 10.0.2.2 is-at 52:55:0a:00:02:02, length 50
1
IP (tos 0x0, ttl 64, offset 0, flags [DF], proto UDP (17), length 34)
    127.0.0.1.PORT > 127.0.0.1.9: UDP, length 6
== any
lo    In  IP 127.0.0.1 > 127.0.0.1: ICMP echo request, id N, seq 1, length 64
lo    In  IP 127.0.0.1 > 127.0.0.1: ICMP echo reply, id N, seq 1, length 64
eth0  Out IP 10.0.2.15 > 10.0.2.2: ICMP echo request, id N, seq 1, length 64
eth0  In  IP 10.0.2.2 > 10.0.2.15: ICMP echo reply, id N, seq 1, length 64
1
lo    In  IP 127.0.0.1 > 127.0.0.1: ICMP echo request, id N, seq 1, length 64
lo    In  IP 127.0.0.1 > 127.0.0.1: ICMP echo reply, id N, seq 1, length 64
tcpdump: nowhere: No such device exists
can't parse filter expression: syntax error
p_dgr 0 0 *:* *
skmem:(r0,rb212992
Error: Unknown device type.
Error: Unknown device type.
RTNETLINK answers: File exists
skmem:(r0,rb212992,t0
4
46
lo 1 224.0.0.1
eth0 1 224.0.0.1
lo 1 ff02::1
eth0 1 ff02::1"
known_calls
