# SPDX-License-Identifier: MIT
# In the guest and on Linux: redis-server at a unix socket, killed and started again: what it had written down is there.
mkdir -p "${1:-/tmp}/redis/data" && cd "${1:-/tmp}/redis" || exit 1
here=$PWD
cli() {
	redis-cli -s "$here/socket" "$@"
}
start() {
	redis-server - >/dev/null <<X &
port 0
unixsocket $here/socket
dir $here/data
logfile $here/log
save 3600 1
$1
X
	server=$!
	until [ "$(cli ping 2>/dev/null)" = PONG ]; do sleep 0.05; done
}
killed() {
	{ kill -9 $server; wait $server; } 2>/dev/null # the shell tells of its end wherever it hears of it
	echo "status $?"
}
finished() { # FIELD
	until cli info persistence | grep -q "^$1:0"; do sleep 0.05; done
}

echo == append-only file
start 'appendonly yes
appendfsync always'
cli set name value
for i in $(seq 60); do echo "rpush list item$i"; echo "incr counter"; echo "hset hash f$i $i"; done | cli --pipe --pipe-timeout 0 | tail -n 1
killed
start 'appendonly yes
appendfsync always'
cli get name; cli get counter; cli llen list; cli lindex list 59; cli hlen hash
cli eval 'return redis.call("incrby", KEYS[1], 5)' 1 counter
cli bgrewriteaof
finished aof_rewrite_in_progress
cli info persistence | grep -a '^aof_last' | tr -d '\r' | grep status
cli set after rewrite
killed
start 'appendonly yes'
cli get after; cli get counter; cli dbsize
cli shutdown nosave
wait $server
echo "status $?"

echo == snapshots
rm -rf data/*
start 'appendonly no'
for i in $(seq 1000); do echo "set key$i $(printf %0100d "$i")"; done | cli --pipe --pipe-timeout 0 | tail -n 1
cli bgsave
finished rdb_bgsave_in_progress
cli info persistence | tr -d '\r' | grep rdb_last_bgsave_status
cli set lost one
killed
start 'appendonly no'
cli dbsize; cli get key999 | tail -c 5; cli exists lost
cli save
redis-check-rdb data/dump.rdb | grep -c 'RDB looks OK'

echo == under load
redis-benchmark -s "$here/socket" -n 400 -c 10 -q -t set,get,incr,lpush,sadd --csv 2>&1 | cut -d, -f1
redis-benchmark -s "$here/socket" -n 2000 -c 10 -P 16 -q -t set,get --csv 2>&1 | cut -d, -f1
cli shutdown save
wait $server
echo "status $?"
ls data
grep -aciE 'crash|assert|fatal' log
