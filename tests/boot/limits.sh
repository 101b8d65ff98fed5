# SPDX-License-Identifier: MIT
# The limits that the project sets itself: exits of a read, exits at depth, computing, boot time; from a short benchmark.
# limit: 400
. tests/boot/assert.bash

boot 0 --stats "$scratch/stats" -- true
less "$(number boot_seconds "$scratch/stats")" 4 || fail "the boot took $(number boot_seconds "$scratch/stats") s"
"$vmctl" bench --short --runs 1 --json "$scratch/bench" >"$out" 2>"$err" || fail "vmctl bench: status $?"
cat "$out"
exits() {
	sed -nE "s/.*\"name\": \"$1\".*\"exits\": ([0-9.e+-]+).*/\1/p" "$scratch/bench"
}
less "$(exits random-read-4k-depth-1)" 3.2 || fail "$(exits random-read-4k-depth-1) exits a read at depth 1"
less "$(exits random-read-4k-depth-32)" 0.6 || fail "$(exits random-read-4k-depth-32) exits a read at depth 32"
for name in null-syscall pipe-ping-pong fork-wait fork-exec-wait page-fault cpu-bound sequential-read-1m; do
	grep -q "\"name\": \"$name\"" "$scratch/bench" || fail "no figure for $name"
done
