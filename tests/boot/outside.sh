# SPDX-License-Identifier: MIT
# A file from a server outside of the machine, whose TCP (QEMU's) knows of no scaled windows: more of it than any window, both modes; and a
# port at which nobody listens.
# not on bochs: it has no such adapter
. tests/boot/assert.bash

make_root
mkdir "$scratch/www"
head -c 6000000 /dev/urandom >"$scratch/www/file"
for ((port = 20000 + RANDOM % 20000; ; port++)); do
	busybox httpd -f -p "127.0.0.1:$port" -h "$scratch/www" 2>/dev/null &
	server=$!
	sleep 0.3
	kill -0 $server 2>/dev/null && break
done
trap 'kill $server' EXIT
want=$(md5sum <"$scratch/www/file")
for mode in $modes; do
	boot 0 --mode "$mode" --net user --timeout 60 --root "$scratch/root" -- \
		"wget -q -O - http://10.0.2.2:$port/file | md5sum; wget -q -O - http://10.0.2.2:1/file 2>&1 | sed 's/.*: //'"
	output "$want
Connection refused"
done
