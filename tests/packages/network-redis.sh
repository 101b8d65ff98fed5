# SPDX-License-Identifier: MIT
# Debian's redis-server over TCP: reached from this machine by --publish, by redis-cli and redis-benchmark there; then with a replica in the same guest, as on
# Linux: first copy, changes, messages, broken connections, roles, append-only file and snapshots.
# limit: 900
# long
. tests/packages/serve.bash

packages bash,coreutils,grep,sed,procps,redis-server
on_linux true # the chroot whose programs are this machine's clients
port_choose
asks() {
	on_linux "redis-cli -p $port $1 2>&1" && [ "$(tail -n 1 "$scratch/linux.out")" = "$2" ]
}
serve --timeout 600 --root "$scratch/image" --publish "$port:6379" -- redis-server --bind 0.0.0.0 --protected-mode no --dir /var/tmp --appendonly yes
until_true 100 asks ping PONG || fail "redis-server does not answer: $(cat "$scratch/linux.out")"
asks 'set greeting hello' OK && asks 'get greeting' hello || fail "redis-server does not keep a value"
big="head -c 5000000 /dev/zero | tr '\\0' x"
on_linux "$big | redis-cli -p $port -x set big && redis-cli -p $port get big | cksum; $big | sed 's/\$/\\n/' | cksum"
[ "$(sed -n 2p "$scratch/linux.out")" = "$(sed -n 3p "$scratch/linux.out")" ] || fail "5 MB are not the same there and back: $(cat "$scratch/linux.out")"
on_linux "redis-benchmark -p $port -n 2000 -c 50 -t set,get -q; redis-benchmark -p $port -n 8000 -c 50 -P 16 -t set,get -q"
[ "$(tr '\r' '\n' <"$scratch/linux.out" | grep -c 'requests per second')" -ge 4 ] || fail "redis-benchmark: $(cat "$scratch/linux.out" "$scratch/linux.err")"
tr '\r' '\n' <"$scratch/linux.out" | grep 'requests per second, p50'
grep -qi error "$scratch/linux.out" "$scratch/linux.err" && fail "redis-benchmark saw errors: $(cat "$scratch/linux.out")"
on_linux "redis-cli -p $port shutdown save"
served_end 0
known_calls

port_choose 2
for cpus in 1 2; do
	same_as_linux "bash /test/replica.bash /var/tmp $port" --cpus $cpus --memory 768M --net user --timeout 280
	grep -q '^the same data' "$out" || fail "the replica has other data"
	known_calls
	rm -rf "$scratch"/linux/var/tmp/*
done
