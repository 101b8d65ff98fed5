# SPDX-License-Identifier: MIT
# A thousand kernel threads blocked in the kernel take less than 20 MiB, four thousand less than 80, and what they took comes back. A program's
# thousand blocked threads run, too, and end; the kernel's addresses that they had are used again. What a debug build's larger stacks take more does
# not count.
# not on bochs: --append reaches the kernel there as here, and what is judged does not depend on the machine
. tests/boot/assert.bash

for count in 1000 4000; do
	boot 0 --mode monolithic --append thread-selftest=$count -- 'echo it goes on'
	output 'it goes on'
	said_line=$(grep -o "thread-selftest: .*" "$err") || fail "no line about $count threads"
	echo "$said_line"
	read -r made took stack kept < <(echo "$said_line" |
		sed -E 's/.*: ([0-9]+) threads .* took ([0-9]+) KiB.* stack ([0-9]+); (-?[0-9]+) KiB are kept/\1 \2 \3 \4/')
	more=$((stack / 1024 - 16))
	[ "$made" = $count ] || fail "$made threads instead of $count"
	[ "$took" -gt $((count * (16 + more))) ] || fail "$took KiB for $count threads is less than their stacks"
	[ "$took" -lt $((count * (20 + more))) ] || fail "$took KiB for $count threads"
	[ "$kept" -lt $((12288 + 512 * more)) ] || fail "$kept KiB of $took KiB are not free again"
done

make_root
cp "$BUILD/tests/guest/crowd" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
boot 0 --mode monolithic --root "$scratch/root" -- '/crowd 1000'
cat "$out"
grep -q '^ok crowd$' "$out" || fail "a thousand threads of a program"
took=$(sed -n 's/^1000 blocked threads took \([0-9]*\) KiB$/\1/p' "$out")
[ "$took" -lt $((40960 + 1000 * more)) ] || fail "more than 40 MiB for a thousand threads of a program"

boot 0 --mode monolithic --cpus 2 --root "$scratch/root" -- 'for i in 1 2 3 4 5 6 7 8; do
	/crowd 1500 >/dev/null || echo "no crowd"; sed -n "s/^VmallocChunk: *\([0-9]*\) kB/\1/p" /proc/meminfo
done'
tr '\n' ' ' <"$out"
[ "$(grep -c '^[0-9]*$' "$out")" = 8 ] || fail "eight crowds of threads"
took=$(($(sed -n 3p "$out") - $(sed -n 8p "$out")))
[ "$took" -lt 8192 ] || fail "five crowds of threads took another $took KiB of addresses"
