# SPDX-License-Identifier: MIT
# Connections by the thousands, and threads that do everything to them at once, with two processors, in much memory and in little, where
# every seventh wait for memory is in vain at first: all calls end, 10,000 connections can be open, and the memory is free afterwards.
# not on bochs: a quarter of an hour there, and it is about the kernel, not the machine
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/connections" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
{ echo "$free_now"; cat; } >"$scratch/root/turn.sh" <<'END'
/connections 200
sleep 12 # what has ended is forgotten after 10 s
before=$(free_now)
/connections $1
for i in $(seq 100); do # on a busy host it takes longer
	after=$(free_now)
	[ $((before - after)) -lt 400 ] && break
	sleep 2
done
[ $((before - after)) -lt 400 ] && echo even || echo "$before KiB, then $after KiB"
END
want="ok all_at_once
ok many_at_once
ok all_at_once
ok many_at_once
even"
boot 0 --mode ${modes##* } --cpus 2 --memory 512M --timeout $((360 * slow)) --root "$scratch/root" -- sh /turn.sh 10000
output "$want"
boot 0 --mode ${modes%% *} --cpus 2 --memory 48M --append reserve-fail=7 --timeout $((360 * slow)) --root "$scratch/root" -- sh /turn.sh 200
output "$want"
