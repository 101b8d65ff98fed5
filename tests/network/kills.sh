# SPDX-License-Identifier: MIT
# nginx and redis-server serve clients outside while the network adapter's domain is killed every second for a minute, then that and the disk's: one
# connection that echoes 64 MiB again and again keeps every byte, wrk, redis-benchmark and our own client (tests/network/client.c) see no
# error and no connection that ends. Told: how long each recovery took, and the longest time in which nothing came on one connection, which
# has TCP's own retransmission in it, at QEMU's end at least half a second. That no recovery takes more than 300 ms is judged only where the
# host had nothing else to do when the test began. KILL_SECONDS (60): how long each part takes; KILL_CAPTURE: a file for all frames.
# limit: 600
# long
# not on bochs: its disk is a RAM disk's, and one of its processors has too little time for clients and servers
. tests/boot/assert.bash

seconds=${KILL_SECONDS:-60}
limit=300000 # us, of a recovery
awk -v cpus="$(nproc)" '{ exit $1 < cpus }' /proc/loadavg && echo "the host is busy: times are not judged" && limit=1000000000
make_root
mkdir -p "$scratch/root/bench/www"
cp "$BUILD/bench-net" "$scratch/root/bench/"
head -c 1024 /dev/urandom >"$scratch/root/bench/www/1k"
head -c 102400 /dev/urandom >"$scratch/root/bench/www/100k"
cat >"$scratch/root/bench/nginx.conf" <<'CONF'
daemon off;
worker_processes 2;
error_log stderr;
pid /tmp/nginx.pid;
events { worker_connections 1024; }
http {
	access_log /var/log/nginx/bench.log;
	sendfile on;
	keepalive_requests 100000000;
	server { listen 80 backlog=511; root /bench/www; }
}
CONF
"$vmctl" image --force --packages nginx-light,redis-server "$scratch/root" -o "$scratch/image" 2>"$err" || fail "vmctl image --packages"

# client NAME COMMAND...: in the background, its words in a file; its status in another.
clients=()
client() {
	local name=$1
	shift
	{ "$@" >"$scratch/$name.said" 2>&1; echo $? >"$scratch/$name.status"; } &
	clients+=("$!")
}

client_ended_well() {
	sed "s/^/$1: /" "$scratch/$1.said"
	[ "$(cat "$scratch/$1.status")" = 0 ] || fail "$1 has status $(cat "$scratch/$1.status")"
}

loads_start() {
	clients=()
	client mirror "$BUILD/net-client" mirror $echo 64 "$seconds"
	client http "$BUILD/net-client" http $http /100k 8 "$seconds"
	client redis "$BUILD/net-client" redis $redis 10 "$seconds"
	client wrk wrk -t 1 -c 8 -d "$seconds" --timeout 20 "http://127.0.0.1:$http/1k"
	client redis-benchmark timeout $((seconds * 4)) redis-benchmark -p $redis -c 10 -t set,get -n $((seconds * 40)) --csv
}

loads_judge() {
	wait "${clients[@]}"
	client_ended_well mirror
	client_ended_well http
	client_ended_well redis
	sed -n 's/^/wrk: /; /requests in\|Socket errors\|Non-2xx/p' "$scratch/wrk.said"
	[ "$(cat "$scratch/wrk.status")" = 0 ] || fail "wrk has status $(cat "$scratch/wrk.status")"
	grep -q 'Socket errors\|Non-2xx' "$scratch/wrk.said" && fail "wrk saw errors"
	grep -c '^"[SG]ET"' "$scratch/redis-benchmark.said" | grep -qx 2 || fail "redis-benchmark: $(cat "$scratch/redis-benchmark.said")"
	grep -qi 'error\|closed\|reset' "$scratch/redis-benchmark.said" && fail "redis-benchmark saw errors: $(cat "$scratch/redis-benchmark.said")"
}

# kill_every_second DOMAIN...: while the clients are there
kill_every_second() {
	local end=$((SECONDS + seconds)) refused=0
	while [ $SECONDS -lt $end ]; do
		for domain in "$@"; do
			"$vmctl" kill "$domain" --machine "$name" >/dev/null 2>>"$scratch/kill.err" || refused=$((refused + 1))
		done
		sleep 1
	done
	[ $refused -eq 0 ] || echo "$refused kills were refused: $(tail -n 1 "$scratch/kill.err")"
}

recoveries() { # DOMAIN LINES_BEFORE
	tail -n +"$2" "$err" | sed -nE "s/^@ recovery domain=$1 .* total_us=([0-9]+) .*/\1/p" | sort -n |
		awk -v domain="$1" -v limit=$limit '{ all[NR] = $1 } END { if (NR == 0) { exit 1 }
			printf "%s: %d deaths, back after %.1f ms in the middle, %.1f ms at most\n", domain, NR, all[int((NR + 1) / 2)] / 1000, all[NR] / 1000
			exit all[NR] > limit }'
}

name=kills-$$
port_choose 4
control=$port echo=$((port + 1)) http=$((port + 2)) redis=$((port + 3))
"$vmctl" run --verbose --name "$name" --root "$scratch/image" --memory 512M --timeout 550 --append quiet \
	${KILL_CAPTURE:+--capture "$KILL_CAPTURE"} \
	--publish $control:7000 --publish $echo:7004 --publish $http:80 --publish $redis:6379 -- '/bench/bench-net nginx redis' >"$out" 2>"$err" &
machine=$!
trap 'kill $machine 2>/dev/null; wait' EXIT
for _ in $(seq 600); do
	grep -q '^ready' "$out" && break
	kill -0 $machine 2>/dev/null || fail "the machine ended"
	sleep 0.1
done
grep -q '^ready' "$out" || fail "the servers did not start"

for domains in e1000e "e1000e ahci"; do
	echo "--- killed every second: $domains"
	begin=$(($(wc -l <"$err") + 1))
	loads_start
	kill_every_second $domains
	loads_judge
	for domain in $domains; do
		recoveries "$domain" "$begin" || fail "$domain: no recovery, or one that took more than $((limit / 1000)) ms"
	done
done
grep -q 'domain .* parked' "$err" && fail "a domain was parked"
"$BUILD/net-client" end $control || fail "the guest's program does not answer any more"
wait $machine || fail "vmctl's status is $?"
trap - EXIT
echo PASS
