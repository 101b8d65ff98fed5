# SPDX-License-Identifier: MIT
# Random system calls with hostile arguments (tests/fuzz/calls.c) for some seconds, on tmpfs and on the disk: the rounds end, the kernel says
# nothing is wrong, the shell answers, memory and processes are gone, and the file system is whole. FUZZ_SECONDS, FUZZ_SEED and FUZZ_CPUS make
# it longer and other; "make test-fuzz" does.
. tests/boot/assert.bash
. tests/boot/fuzz.bash

seconds=${FUZZ_SECONDS:-8} seed=${FUZZ_SEED:-1} cpus=${FUZZ_CPUS:-2} mode=${FUZZ_MODE:-${modes##* }}
make_root
mkdir -p "$scratch/root/fuzz"
cp "$BUILD/tests/fuzz/calls" "$scratch/root/" || fail "build it first: make fuzz-tests"
fuzz <<'END'
round() { # DIRECTORY SECONDS SEED
	cd "$1" && /calls "$2" "$3" 2 >/said 2>&1 </dev/null || { echo "calls in $1: status $?"; cat /said; }
	grep -c rounds /said
	cd / && find /tmp /fuzz ! -type d -exec rm -f {} + && rm -rf /tmp/* /fuzz/*
}
END
