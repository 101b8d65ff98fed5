# SPDX-License-Identifier: MIT
# What the guest says of itself: the terminal by name and size, its log, its host name; and a system call that there is not, which is
# counted and shown by --verbose.
. tests/boot/assert.bash

boot 0 --append console-size=33x101 -- 'tty </dev/console; stty size </dev/console; dmesg | grep -c " I/O zone "
hostname elsewhere; cat /proc/sys/kernel/hostname; uname -n; ionice 2>/dev/null; ionice 2>/dev/null; echo end'
output "/dev/console
33 101
1
elsewhere
elsewhere
end"
grep -q 'unimplemented system call 252 (ioprio_get) by ionice' "$err" || fail "nobody says which call is missing"
grep -q 'system call 252 (ioprio_get) answered ENOSYS 2 times' "$err" || fail "calls that are missing are not counted"
