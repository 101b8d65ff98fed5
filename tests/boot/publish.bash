# SPDX-License-Identifier: MIT
# A web server in the guest, at a port of this host. Sourced after assert.bash.

mkdir -p "$scratch/root/www/cgi-bin"
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

# server_start OPTIONS: a machine with the server, publish-$$, which answers when this returns.
server_start() {
	port_choose
	"$vmctl" run --verbose --name publish-$$ --root "$scratch/root" --publish "$port:80" "$@" \
		-- 'httpd -p 80 -h /www; until [ -e /tmp/stop ]; do sleep 0.2; done' >"$out" 2>"$err" &
	machine=$!
	for _ in $(seq 400); do
		fetch small "$scratch/small" && break
		kill -0 $machine 2>/dev/null || fail "the machine ended"
		sleep 0.3
	done
	cmp -s "$scratch/small" "$scratch/root/www/small" || fail "the server is not reached"
}

# fetch_big: what arrives of /big is what is there.
fetch_big() {
	fetch big "$scratch/big" || fail "a transfer broke off"
	cmp "$scratch/big" "$scratch/root/www/big" || fail "a transfer is damaged"
}

# under_kills COUNT WORK: WORK again and again, until the adapter's domain has been killed COUNT times, and was back each time.
under_kills() {
	local count=$1 work=$2 before=$(recoveries) killer
	(for _ in $(seq "$count"); do sleep 0.$((RANDOM % 4)); "$vmctl" kill e1000e --machine publish-$$ || break; done) >"$scratch/kills" 2>&1 &
	killer=$!
	$work
	while kill -0 $killer 2>/dev/null; do
		$work
	done
	[ "$(recoveries)" -eq $((before + count)) ] || fail "$(recoveries) recoveries instead of $((before + count)): $(cat "$scratch/kills")"
}

recoveries() {
	grep -c '@ recovery domain=e1000e' "$err"
}

server_stop() {
	fetch cgi-bin/stop "$scratch/small"
	wait $machine || fail "vmctl's status is $?"
}
