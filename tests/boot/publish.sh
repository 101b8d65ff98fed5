# SPDX-License-Identifier: MIT
# A web server in the guest that the host reaches by --publish: 16 MiB arrive as they are while the network adapter's domain is killed twice a second, and
# small requests, eight at a time, all get their answer; likewise from the monolithic kernel.
# limit: 200
# not on bochs: it has no network adapter there
. tests/boot/assert.bash

make_root
mkdir -p "$scratch/root/www/cgi-bin"
head -c 16777216 /dev/urandom >"$scratch/root/www/big"
echo small >"$scratch/root/www/small"
printf '#!/bin/sh\ntouch /tmp/stop\nprintf "Content-type: text/plain\\r\\n\\r\\nends\\n"\n' >"$scratch/root/www/cgi-bin/stop"
chmod +x "$scratch/root/www/cgi-bin/stop"

# fetch PATH FILE: by HTTP/1.0; 0 if there was an answer, whose body is in FILE.
cat >"$scratch/fetch" <<'END'
exec 7<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET /%s HTTP/1.0\r\n\r\n' "$2" >&7
LC_ALL=C sed '1,/^\r$/d' <&7 >"$3"
[ -s "$3" ]
END
fetch() {
	timeout 60 bash "$scratch/fetch" "$port" "$1" "$2" 2>/dev/null
}

# A port that nobody listens at.
port_choose() {
	port=$((20000 + RANDOM % 10000))
	while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		port=$((port + 1))
	done
}

serve() { # options of vmctl run
	local machine at_once
	port_choose
	"$vmctl" run --verbose --root "$scratch/root" --publish "$port:80" --timeout 100 "$@" \
		-- 'httpd -p 80 -h /www; until [ -e /tmp/stop ]; do sleep 0.2; done' >"$out" 2>"$err" &
	machine=$!
	for _ in $(seq 100); do
		fetch small "$scratch/small" && break
		kill -0 $machine 2>/dev/null || fail "the machine ended"
		sleep 0.3
	done
	cmp -s "$scratch/small" "$scratch/root/www/small" || fail "the server is not reached"
	for n in 1 2; do
		fetch big "$scratch/big" || fail "transfer $n broke off"
		cmp "$scratch/big" "$scratch/root/www/big" || fail "transfer $n is damaged"
	done
	at_once=8 # two where vmctl may not give QEMU's port room for more
	grep -q 'clients that come at once may have to try again' "$err" && at_once=2
	seq 80 | xargs -P $at_once -I {} timeout 60 bash "$scratch/fetch" "$port" small "$scratch/small.{}" || fail "a small request failed"
	for n in $(seq 80); do
		cmp "$scratch/small.$n" "$scratch/root/www/small" || fail "the answer to a small request is wrong"
	done
	"$vmctl" run --publish "$port:80" -- true 2>"$scratch/second"
	[ $? -eq 121 ] || fail "a second machine has the port, too: status $?"
	grep -q "port $port of this host is in use" "$scratch/second" || fail "vmctl did not say that the port is in use: $(cat "$scratch/second")"
	fetch cgi-bin/stop "$scratch/small"
	wait $machine || fail "vmctl's status is $?"
}

serve $(for i in 1 2 3 4 5 6; do echo "--kill e1000e@$i --kill e1000e@$i.5"; done)
deaths=$(grep -c 'domain e1000e died: kill' "$err")
echo "$deaths deaths"
[ "$deaths" -ge 3 ] || fail "the domain died $deaths times only"
grep -q 'domain e1000e parked' "$err" && fail "it was parked"
serve --mode monolithic
echo PASS
