# SPDX-License-Identifier: MIT
# The limits that the project sets itself: exits of a read, exits at depth, computing, boot time; from a short benchmark.
# limit: 400
. tests/boot/assert.bash

for _ in 1 2 3; do
	boot 0 --stats "$scratch/stats" -- true
	number boot_seconds "$scratch/stats"
done | sort -n >"$scratch/boots"
less "$(head -n 1 "$scratch/boots")" 2 || fail "the fastest of three boots took $(head -n 1 "$scratch/boots") s"
"$vmctl" bench --short --runs 1 --json "$scratch/bench" >"$out" 2>"$err" || fail "vmctl bench: status $?"
cat "$out"
exits() {
	sed -nE "s/.*\"name\": \"$1\".*\"exits\": ([0-9.e+-]+).*/\1/p" "$scratch/bench"
}
less "$(exits random-read-4k-depth-1)" 3.0001 || fail "$(exits random-read-4k-depth-1) exits a read at depth 1"
# Computing costs nothing: instructions, because they do not depend on what else the host does meanwhile.
make_root
cp "$BUILD/bench" "$scratch/root/"
for mode in isolated monolithic; do
	boot 0 --icount --mode $mode --root "$scratch/root" -- /bench none 1 cpu-bound
	sed -nE 's/^bench cpu-bound .* ns=([0-9]+).*/\1/p' "$out" >"$scratch/$mode"
done
less "$(cat "$scratch/isolated")" "$(awk '{ print $1 * 1.02 }' "$scratch/monolithic")" ||
	fail "computing takes $(cat "$scratch/isolated") instructions instead of $(cat "$scratch/monolithic")"
for name in null-syscall pipe-ping-pong fork-wait fork-exec-wait page-fault cpu-bound sequential-read-1m; do
	grep -q "\"name\": \"$name\"" "$scratch/bench" || fail "no figure for $name"
done
less "$(exits random-read-4k-depth-32)" 0.5001 || fail "$(exits random-read-4k-depth-32) exits a read at depth 32"
