# SPDX-License-Identifier: MIT
# Frames as Debian's tcpdump shows them: captures are begun before anything is sent (tcpdump says that it listens), and end by their count.
exec 2>&1
capture() { # NAME COUNT OPTIONS...: in the background
	name=$1 count=$2
	shift 2
	tcpdump -Z root -n -t -l -c "$count" "$@" >"/tmp/$name" 2>"/tmp/$name.err" &
	until grep -qs 'listening on' "/tmp/$name.err" || ! kill -0 $! 2>/dev/null; do
		sleep 0.05
	done
}
shown() { # NAME: without what differs from one run to the next
	wait
	echo "== $1"
	sed 's/id [0-9]*, seq/id N, seq/; s/127\.0\.0\.1\.[3-6][0-9][0-9][0-9][0-9]/127.0.0.1.PORT/g' "/tmp/$1"
	grep -c '^0 packets dropped by kernel' "/tmp/$1.err"
}

capture echo 4 -i eth0 icmp
ping -c 2 -i 0.2 10.0.2.2 >/dev/null
shown echo
capture arp 2 -i eth0 arp
arping -c 1 -I eth0 10.0.2.2 | sed -n 's/^Received/received/p'
shown arp
capture lo 1 -i lo -v udp and port 9
echo hello >/dev/udp/127.0.0.1/9
wait
sed 's/, id [0-9]*,/,/; s/127\.0\.0\.1\.[3-6][0-9]*/127.0.0.1.PORT/' /tmp/lo | head -n 3
capture any 4 -i any icmp
ping -c 1 127.0.0.1 >/dev/null
ping -c 1 10.0.2.2 >/dev/null
shown any
capture file 2 -i any -w /tmp/frames icmp6 or icmp
ping -c 1 127.0.0.1 >/dev/null
wait
tcpdump -n -t -r /tmp/frames 2>/dev/null | sed 's/id [0-9]*, seq/id N, seq/'
tcpdump -Z root -i nowhere 2>&1 | sed -n '/nowhere/p'
tcpdump -Z root -i lo 'no filter' 2>&1 | sed -n 's/^tcpdump: \(.*error\).*/\1/p'
tcpdump -Z root -n -i any -w /tmp/x 2>/tmp/x.err &
until grep -qs 'listening on' /tmp/x.err; do sleep 0.05; done
ss -0 -H | sed 's/  */ /g; s/ *$//'
ss -0 -H -m -e | sed -n 's/.*\(skmem:(r[0-9]*,rb[0-9]*\).*/\1/p'
kill $!
wait
ip link add dummy0 type dummy
ip link add link eth0 name eth0.5 type vlan id 5
ip link add eth0 type dummy
bash -c 'exec 3<>/dev/udp/127.0.0.1/9; ss -H -u -a -n -m' | sed -n 's/.*\(skmem:(r0,rb[0-9]*,t0\).*/\1/p' | head -n 1
netstat -s | grep -c '^[A-Z][a-z0-9]*:'
nstat -a -z | grep -c '^\(Ip\|Tcp\|Udp\|Ip6\)[A-Z][A-Za-z]* '
netstat -g -n | sed -n 's/^\(lo\|eth0\)  *\([0-9]*\)  *\(224.0.0.1\|ff02::1\)$/\1 \2 \3/p'
