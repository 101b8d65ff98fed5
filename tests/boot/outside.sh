# SPDX-License-Identifier: MIT
# A file from a server outside of the machine, whose TCP (QEMU's) knows of no scaled windows: more of it than any window, both modes; and a
# port at which nobody listens.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

make_root
mkdir "$scratch/www"
head -c 6000000 /dev/urandom >"$scratch/www/file"
port_choose
busybox httpd -f -p "127.0.0.1:$port" -h "$scratch/www" 2>"$err" &
server=$!
trap 'kill $server' EXIT
until (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
	kill -0 $server 2>/dev/null || fail "the server of this machine has ended"
	sleep 0.1
done
want=$(md5sum <"$scratch/www/file")
for mode in $modes; do
	boot 0 --mode "$mode" --net user --timeout 300 --root "$scratch/root" -- \
		"wget -q -O - http://10.0.2.2:$port/file | md5sum; wget -q -O - http://10.0.2.2:1/file 2>&1 | sed 's/.*: //'"
	output "$want
Connection refused"
done
