# SPDX-License-Identifier: MIT
# Programs that loop with a real-time priority on every processor leave a part of each second to others, who can end them.
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/real_time" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
for cpus in 1 2; do
	boot 0 --cpus $cpus --timeout $((300 * slow)) --root "$scratch/root" -- "/real_time $cpus"
	[ "$(grep -c 'ended by 9' "$out")" = $cpus ] || fail "with $cpus processors: $(cat "$out")"
done
