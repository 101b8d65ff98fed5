# SPDX-License-Identifier: MIT
# The kernel's lock checks: each report, provoked at boot, is in the log with both stacks, and these name the functions that did it.
# not on bochs: --append reaches the kernel there as here, and what is judged does not depend on the machine
. tests/boot/assert.bash

boot 0 --mode monolithic --append lock-selftest -- 'echo it goes on'
output 'it goes on'

# report HEAD FIRST SECOND: a report begins with HEAD; its first stack names the function FIRST, its second one SECOND.
report() {
	awk -v head="$1" -v first="$2" -v second="$3" '
		/lock watch: [a-z]/ { inside = index($0, head) > 0; part = 0; next }
		/lock watch:  [^ ]/ { part++; next }
		inside && part == 1 && index($0, "at " first "+0x") { one = 1 }
		inside && part == 2 && index($0, "at " second "+0x") { two = 1 }
		END { exit !(one && two) }' "$err" || fail "no report \"$1\" with $2 and $3 in its stacks"
}
report 'order reversal: "lock-selftest first" is taken while "lock-selftest second" is held' selftest_other_way selftest_one_way
report 'sleep for a mutex under a spin lock: "lock-selftest held"' selftest_sleeper selftest_holder
report 'recursion: "lock-selftest twin" is taken while another of its class is held' selftest_twins selftest_twins
report 'wrong context: "lock-selftest interrupted", a mutex, is taken in an interrupt' selftest_interrupt lock_selftest
report 'wrong context: "lock-selftest open" is held with interrupts on' selftest_open_holder selftest_interrupt
[ "$(grep -c 'lock watch: [a-z]' "$err")" = 5 ] || fail "other reports than the five: $(grep 'lock watch: [a-z]' "$err")"

# What the kernel does wrong of its own accord ends it.
boot 0 --mode monolithic -- 'echo it is the checked kernel'
grep -q 'lock watch' "$err" && fail "reports without a selftest"
true
