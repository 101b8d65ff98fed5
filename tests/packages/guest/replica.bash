# SPDX-License-Identifier: MIT
# Two redis-servers over TCP, one the other's replica: replica.bash DIR PORT prints what clients of both see: first copy, stream of changes, broken and
# resumed connections, published messages, blocked clients, pipelines, roles changed, files written.
dir=$1/replica port=$2
rm -rf "$dir" && mkdir -p "$dir/a" "$dir/b" && cd "$dir" || exit 1

# server NAME PORT [configuration]: in the background
server() {
	redis-server - >/dev/null 2>&1 <<END &
port $2
bind 127.0.0.1
dir $dir/$1
logfile $dir/$1/log
repl-diskless-sync-delay 0
repl-timeout 20
repl-backlog-size 4mb
$3
END
}
a() { redis-cli -p "$port" "$@"; }
b() { redis-cli -p $((port + 1)) "$@"; }

until_is() { # WANT COMMAND...: for up to 20 s
	local want=$1 got tries
	shift
	for ((tries = 0; tries < 200; tries++)); do
		got=$("$@" 2>&1 | tr -d '\r')
		[ "$got" = "$want" ] && return 0
		sleep 0.1
	done
	echo "\"$*\" says \"$got\" instead of \"$want\""
}
field() { # CLIENT SECTION FIELD
	$1 info "$2" | tr -d '\r' | sed -n "s/^$3://p"
}

echo "== two servers"
server a "$port" 'appendonly yes'
master=$!
server b $((port + 1)) 'appendonly no'
replica=$!
until_is PONG a ping
until_is PONG b ping
for i in $(seq 2000); do echo "set key$i value$i"; done | a --pipe --pipe-timeout 0 | tail -n 1
head -c 3000000 /dev/zero | tr '\0' z | a -x set big
b replicaof 127.0.0.1 "$port"
until_is up field b replication master_link_status
until_is 1 field a replication connected_slaves
b dbsize
b get key777
b strlen big
b get big | cksum
b set own thing 2>&1

echo "== changes"
for i in $(seq 300); do echo "incr counter"; echo "rpush list $i"; echo "hset hash f$i $i"; done | a --pipe --pipe-timeout 0 | tail -n 1
a set last one
a wait 1 10000
b get counter
b llen list
b hlen hash
b get last
a multi-is-no-command 2>&1
printf 'multi\nincr x\nincr x\nset y 7\nexec\n' | a
a wait 1 10000
b mget x y
a set fleeting 1 px 300
until_is '' b get fleeting

echo "== messages"
b subscribe news >heard.b 2>&1 &
listener=$!
a psubscribe 'n*' >heard.a 2>&1 &
pattern=$!
until_is '1 1' eval 'echo $(b pubsub numsub news | tail -n 1) $(a pubsub numpat)'
for i in $(seq 20); do a publish news "message $i" >/dev/null; done
until_is 20 grep -c '^message ' heard.b
until_is 20 grep -c '^message ' heard.a
kill $listener $pattern
wait $listener $pattern 2>/dev/null
a blpop queue 20 >popped &
popper=$!
until_is 1 field a clients blocked_clients
a rpush queue thing
wait $popper
cat popped

echo "== broken and resumed"
b client kill type master >/dev/null
b config set repl-timeout 21
for i in $(seq 100); do echo "incr counter"; done | a --pipe --pipe-timeout 0 | tail -n 1
until_is up field b replication master_link_status
until_is 400 b get counter
[ "$(field a stats sync_partial_ok)" -ge 1 ] && echo "resumed"
kill -STOP $replica
for i in $(seq 100); do echo "incr counter"; done | a --pipe --pipe-timeout 0 | tail -n 1
kill -CONT $replica
until_is 500 b get counter
{ kill -9 $replica; wait $replica; } 2>/dev/null # the shell tells of its end wherever it hears of it
echo "status $?"
until_is 0 field a replication connected_slaves
server b $((port + 1)) "replicaof 127.0.0.1 $port"
replica=$!
until_is up field b replication master_link_status
until_is 500 b get counter

echo "== roles"
a failover
until_is slave field a replication role
until_is master field b replication role
until_is up field a replication master_link_status
b incr counter
b wait 1 10000
a get counter
a replicaof no one
b replicaof 127.0.0.1 "$port"
until_is up field b replication master_link_status

echo "== load"
bench() {
	redis-benchmark -p "$port" -q "$@" 2>&1 | tr '\r' '\n' | sed -n 's/^\([A-Z]*\).*: [0-9.inf]* requests per second.*/\1/p; /[Ee]rror/p'
}
bench -n 2000 -c 50 -t set,get
bench -n 8000 -c 50 -P 16 -t set,get
bench -n 200 -c 10 -d 100000 -t set,get
a wait 1 20000
[ "$(a debug digest 2>&1)" = "$(b debug digest 2>&1)" ] && echo "the same data"

echo "== files"
a bgrewriteaof
until_is 0 field a persistence aof_rewrite_in_progress
a bgsave
until_is 0 field a persistence rdb_bgsave_in_progress
redis-check-rdb a/dump.rdb | grep -c 'RDB looks OK'
ls a b | grep -v '^log$'
a shutdown save
wait $master
echo "status $?"
until_is down field b replication master_link_status
server a "$port" 'appendonly yes'
master=$!
until_is 501 a get counter
until_is up field b replication master_link_status
b shutdown nosave
wait $replica
echo "status $?"
a shutdown nosave
wait $master
echo "status $?"
grep -c 'Connection with replica' a/log | grep -c '[1-9]'
