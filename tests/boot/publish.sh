# SPDX-License-Identifier: MIT
# A web server in the guest that the host reaches by --publish: 16 MiB arrive as they are while the network adapter's domain is killed, and
# small requests, eight at a time, all get their answer, too; likewise from the monolithic kernel.
# not on bochs: adapter-82540em tries it there
. tests/boot/assert.bash

make_root
. tests/boot/publish.bash
head -c 16777216 /dev/urandom >"$scratch/root/www/big"

# ask: eighty small requests, several at a time.
ask() {
	local at_once=8 # two where vmctl may not give QEMU's port room for more
	grep -q 'clients that come at once may have to try again' "$err" && at_once=2
	seq 80 | xargs -P $at_once -I {} timeout 100 bash "$scratch/fetch" "$port" small "$scratch/small.{}" || fail "a small request failed"
	for n in $(seq 80); do
		cmp "$scratch/small.$n" "$scratch/root/www/small" || fail "the answer to a small request is wrong"
		rm "$scratch/small.$n"
	done
}

serve() { # options of vmctl run
	server_start --timeout 400 "$@"
	"$vmctl" run --publish "$port:80" -- true 2>"$scratch/second"
	[ $? -eq 121 ] || fail "a second machine has the port, too: status $?"
	grep -q "port $port of this host is in use" "$scratch/second" || fail "vmctl did not say that the port is in use: $(cat "$scratch/second")"
}

serve
under_kills 4 fetch_big
under_kills 4 ask
grep -o 'virtio-net: epoch .*' "$err"
grep -q 'domain e1000e parked' "$err" && fail "it was parked"
server_stop
serve --mode monolithic
fetch_big
ask
server_stop
echo PASS
