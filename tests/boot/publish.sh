# SPDX-License-Identifier: MIT
# A web server in the guest that the host reaches by --publish: 16 MiB arrive as they are while the network adapter's domain is killed twice a second, and
# small requests, eight at a time, all get their answer; likewise from the monolithic kernel.
# limit: 200
# not on bochs: adapter-82540em tries it there
. tests/boot/assert.bash

make_root
. tests/boot/publish.bash
head -c 16777216 /dev/urandom >"$scratch/root/www/big"

serve() { # options of vmctl run
	local at_once
	server_start --timeout 100 "$@"
	fetch_big
	fetch_big
	at_once=8 # two where vmctl may not give QEMU's port room for more
	grep -q 'clients that come at once may have to try again' "$err" && at_once=2
	seq 80 | xargs -P $at_once -I {} timeout 60 bash "$scratch/fetch" "$port" small "$scratch/small.{}" || fail "a small request failed"
	for n in $(seq 80); do
		cmp "$scratch/small.$n" "$scratch/root/www/small" || fail "the answer to a small request is wrong"
	done
	"$vmctl" run --publish "$port:80" -- true 2>"$scratch/second"
	[ $? -eq 121 ] || fail "a second machine has the port, too: status $?"
	grep -q "port $port of this host is in use" "$scratch/second" || fail "vmctl did not say that the port is in use: $(cat "$scratch/second")"
	server_stop
}

serve $(for i in 1 2 3 4 5 6; do echo "--kill e1000e@$i --kill e1000e@$i.5"; done)
deaths=$(grep -c 'domain e1000e died: kill' "$err")
echo "$deaths deaths"
[ "$deaths" -ge 3 ] || fail "the domain died $deaths times only"
grep -q 'domain e1000e parked' "$err" && fail "it was parked"
serve --mode monolithic
echo PASS
