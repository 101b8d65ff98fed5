# SPDX-License-Identifier: MIT
# limit: 240
# Random system calls with hostile arguments (tests/fuzz/calls.c) for some seconds, on tmpfs and on the disk: the rounds end, the kernel says
# nothing is wrong, the shell answers, memory and processes are gone, and the file system is whole. FUZZ_SECONDS, FUZZ_SEED and FUZZ_CPUS make
# it longer and other; "make test-fuzz" does.
. tests/boot/assert.bash

seconds=${FUZZ_SECONDS:-8} seed=${FUZZ_SEED:-1} cpus=${FUZZ_CPUS:-2} mode=${FUZZ_MODE:-${modes##* }}
make_root
mkdir -p "$scratch/root/fuzz"
cp "$BUILD/tests/fuzz/calls" "$scratch/root/" || fail "build it first: make fuzz-tests"
cat >"$scratch/root/fuzz.sh" <<'END'
free_now() { sync; echo 1 >/proc/sys/vm/drop_caches; awk '/MemFree/ { print $2 }' /proc/meminfo; }
round() { # DIRECTORY SECONDS SEED
	cd "$1" && /calls "$2" "$3" 2 >/said 2>&1 </dev/null || { echo "calls in $1: status $?"; cat /said; }
	grep -c rounds /said
	cd / && find /tmp /fuzz ! -type d -exec rm -f {} + && rm -rf /tmp/* /fuzz/*
}
round /tmp 1 "$2"
before=$(free_now)
round /tmp "$1" "$(($2 + 1000))"
round /fuzz "$1" "$(($2 + 2000))"
after=$(free_now)
[ $((before - after)) -lt 1024 ] && echo even || echo "$before KiB, then $after KiB"
ps -o comm >/left && grep -v -e '^ps$' -e '^grep$' -e '^sh$' -e '^COMMAND$' -e init /left
END
kept_root "$scratch/root"
boot 0 --mode $mode --cpus $cpus --timeout $(((2 * seconds + 90) * slow)) "${kept[@]}" -- "sh /fuzz.sh $seconds $seed; true"
output "2
2
2
even"
grep -i -e 'panic' -e 'assert' -e 'lock order' -e 'held' -e 'sleep' "$err" && fail "the kernel complains, seed $seed"
clean "$scratch/image"
