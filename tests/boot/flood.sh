# SPDX-License-Identifier: MIT
# A flood of packets that nobody would send (tests/fuzz/packets), and peers that never read, while a web server answers: it goes on to
# answer, what the network takes of memory has its bound, and all of it comes back. In little memory, too, where every seventh wait for
# memory is in vain at first. FLOOD_SEED, FLOOD_SECONDS.
. tests/boot/assert.bash

seed=${FLOOD_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')} seconds=${FLOOD_SECONDS:-8}
echo "FLOOD_SEED=$seed"
make_root
cp "$BUILD/tests/fuzz/packets" "$scratch/root/" || fail "build the fuzzers first: make fuzz-tests"
mkdir "$scratch/root/www"
echo page >"$scratch/root/www/page"
{ echo "$free_now"; cat; } >"$scratch/root/turn.sh" <<'END'
httpd -p 80 -h /www
page() { wget -q -O - http://127.0.0.1/page; }
page
[ $3 = short ] || { /packets 1 4 >/dev/null; sleep 35; } # what is made once; what has ended, and fragments, are forgotten after 30 s
before=$(free_now)
/packets $1 $2 &
least=$before
while kill -0 $! 2>/dev/null; do
	now=$(awk '/MemFree/ { print $2 }' /proc/meminfo)
	[ $now -ge $least ] || least=$now
	[ "$(page)" = page ] || echo "no answer"
	sleep 0.2
done
wait $!
page
total=$(awk '/MemTotal/ { print $2 }' /proc/meminfo)
[ $((before - least)) -lt $((total * 5 / 8)) ] && echo bounded || echo "$((before - least)) of $total KiB"
[ $3 = short ] && exit
for i in $(seq 100); do # on a busy host it takes longer than the 30 s
	after=$(free_now)
	[ $((before - after)) -lt 600 ] && break
	sleep 2
done
[ $((before - after)) -lt 600 ] && echo even || echo "$before KiB, then $after KiB"
END
want="page
sent
page
bounded"
boot 0 --mode ${modes%% *} --cpus 2 --memory 128M --timeout $((400 * slow)) --root "$scratch/root" -- sh /turn.sh "$seed" "$seconds" long
output "$want
even"
boot 0 --mode ${modes##* } --memory 48M --append reserve-fail=7 --timeout $((300 * slow)) --root "$scratch/root" -- sh /turn.sh "$seed" "$seconds" short
output "$want"
