# SPDX-License-Identifier: MIT
# The time since boot is never below one second.
# The wall clock is set: timers of its moments follow, those of durations do not, and who asked for it is told (tests/guest/wall_clock.c).
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/wall_clock" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
boot 0 --root "$scratch/root" -- 'read -r up idle </proc/uptime; [ ${up%.*} -ge 1 ] && echo up; /wall_clock guest'
output 'up
before: ready 0, nothing
a moment that is over now: ready 1, ticks
a duration: ready 0, nothing
who asked to be told: ready 1, cancelled
is told once: ready 0, nothing
set after the clock was: -1 cancelled
who waits is woken: ready 1, cancelled
a moment that is later now: ready 0, nothing'
