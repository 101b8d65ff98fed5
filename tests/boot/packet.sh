# SPDX-License-Identifier: MIT
# Frames that programs see and send (AF_PACKET): busybox's arping and udhcpc on the adapter; tests/guest/packet: a ping as it goes out and comes in,
# frames of its own, groups that a socket has joined; and a file that the host reads from a web server in the guest, as a ring shows it: all of its
# bytes, in long segments where the device cuts them. Both modes.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/packet" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
mkdir "$scratch/root/www"
head -c 600000 /dev/urandom >"$scratch/root/www/file"
want=$(md5sum <"$scratch/root/www/file")
cat >"$scratch/root/turn.sh" <<'END'
arping -c 2 -I eth0 10.0.2.2 | sed -n 's/^Received \([0-9]*\) .*/\1 answers/p'
arping -c 1 -w 1 -I eth0 10.0.2.99 | sed -n 's/^Received \([0-9]*\) .*/\1 answers/p'
udhcpc -i eth0 -n -q -s /bin/true 2>&1 | sed -n 's/.*\(lease of [0-9.]*\) .*/\1/p'
/packet eth0 10.0.2.2
wc -l </proc/net/packet
/packet eth0 80 600000 >/seen &
until grep -qs watching /seen || ! kill -0 $! 2>/dev/null; do
	sleep 0.05
done
httpd -p 80 -h /www
wait $!
cat /seen
wc -l </proc/net/packet
END
for mode in $modes; do
	port_choose
	fetch_until "$want" "http://127.0.0.1:$port/file" &
	reader=$!
	boot 0 --mode "$mode" --net user --publish "$port:80" --memory 256M --timeout 60 --root "$scratch/root" -- sh /turn.sh
	kill $reader 2>/dev/null
	wait $reader 2>/dev/null
	output "2 answers
0 answers
lease of 10.0.2.15
ok echoes
ok own_frame
ok groups
1
watching
seen: all, long frames, 0 cut, none lost
1"
done
