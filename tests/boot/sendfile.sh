# SPDX-License-Identifier: MIT
# What is sent from a file goes from the page cache to the adapter without a copy: tests/guest/sendfile and splice over the loopback, with files on
# disk and in memory, and a web server
# in the guest that the host reads a file from, both modes. The kernel's counts say what was copied.
# not on bochs: it is about the network of QEMU
. tests/boot/assert.bash

make_root
cp "$BUILD"/tests/guest/{sendfile,splice} "$scratch/root/" || fail "build the guest tests first: make guest-tests"
mkdir "$scratch/root/www"
head -c 3000000 /dev/urandom >"$scratch/root/www/file"
want=$(md5sum <"$scratch/root/www/file")
cat >"$scratch/root/turn.sh" <<'END'
/sendfile
/splice
cd /tmp
/sendfile
/splice
cd /
count() { awk '/[0-9]/ { print $4, $5 }' /proc/net/netstat; }
set -- $(count) $(count)
httpd -p 80 -h /www
echo ready
until [ $(($4 - $2)) -ge 3000000 ] && ! netstat -tn | grep -q ':80 .*\(ESTABLISHED\|FIN_WAIT1\)'; do
	sleep 0.1
	set -- $1 $2 $(count)
done
echo "referenced $(($4 - $2)), $([ $(($3 - $1)) -lt 100000 ] && echo little || echo $(($3 - $1))) copied"
END
for mode in $modes; do
	port_choose
	fetch_until "$want" "http://127.0.0.1:$port/file" &
	reader=$!
	boot 0 --mode "$mode" --net user --publish "$port:80" --timeout 300 --root "$scratch/root" -- sh /turn.sh
	wait $reader
	on_a_disk="ok whole
ok position
ok in_order
ok full
ok cut_off
ok mapped
ok whole
ok two_processes
ok among_written_bytes
ok read_and_teed
ok full
ok changed_meanwhile
ok gone
ok small_pieces"
	output "$on_a_disk
$on_a_disk
ready
referenced 3000000, little copied"
	[ "$(cat "$scratch/got")" = "$want" ] || fail "the host got another file"
done
