# SPDX-License-Identifier: MIT
# Random operations on paths (tests/fuzz/paths.c) answer in the guest, on tmpfs and on the disk, what they answer on the host's Linux.
# FUZZ_SECONDS and FUZZ_SEED as in fuzz.sh.
. tests/boot/assert.bash

seed=${FUZZ_SEED:-1} rounds=$((${FUZZ_SECONDS:-8} / 2))
[ "$(id -u)" -eq 0 ] || fail "a root directory of its own needs root"
make_root
mkdir -p "$scratch/root/fuzz"
cp "$BUILD/tests/fuzz/paths" "$scratch/root/" || fail "build it first: make fuzz-tests"
host=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) # tmpfs, if there is one: it is the guest's, too
for ((i = 0; i < rounds; i++)); do
	"$BUILD/tests/fuzz/paths" "$host/x" $((seed + i)) 2000
	rm -rf "$host/x"
done >"$scratch/want"
rm -rf "$host"
kept_root "$scratch/root"
for directory in /tmp /fuzz; do
	boot 0 --mode "${FUZZ_MODE:-${modes##* }}" --cpus "${FUZZ_CPUS:-2}" --timeout $(((rounds * 5 + 300) * slow)) "${kept[@]}" -- \
		"i=0; while [ \$i -lt $rounds ]; do /paths $directory/x \$(($seed + \$i)) 2000; rm -rf $directory/x; i=\$((i + 1)); done"
	diff -a "$scratch/want" "$out" >"$scratch/diff" || fail "$directory, seed $seed: the guest differs from Linux: $(head -n 20 "$scratch/diff")"
done
clean "$scratch/image"
