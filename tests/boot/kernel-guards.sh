# SPDX-License-Identifier: MIT
# What must not happen in the kernel is stopped where it happens, on the bare machine and on the hypervisor: an overflow of its stack by the
# unmapped page below, a touch of a program's memory past the checked copies by SMAP, a jump there by SMEP, a jump into data by
# NX, a write to its text or constants, also through the map of all memory, by their protection.
# not on bochs: its processor models differ in what they have of this
. tests/boot/assert.bash

# provoke MODE NAME WORDS: the kernel gives up with these words, and not later.
provoke() {
	"$vmctl" run --verbose --mode "$1" --timeout 300 --append "provoke=$2" -- true >"$out" 2>"$err"
	grep -q "provoke: $2" "$err" || fail "$1: the kernel with lock checks is not the one that runs"
	! grep -q 'nothing stopped it' "$err" || fail "$1: nothing stopped $2"
	grep -q "panic: $3" "$err" || fail "$1: $2: no panic: $3"
}

provoke monolithic stack-overflow 'double fault'
for what in user-read user-write user-run data-run text-write text-alias-write constants-write null-read; do
	provoke monolithic $what 'page fault in the kernel'
done
provoke isolated stack-overflow 'double fault'
provoke isolated user-read 'page fault in the kernel'
provoke isolated user-run 'page fault in the kernel'
provoke isolated data-run 'page fault in the kernel'
