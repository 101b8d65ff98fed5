# SPDX-License-Identifier: MIT
# The interactive console on a pseudo-terminal: a shell with line editing, Ctrl-C, the hypervisor's console behind Ctrl-], and the
# status of `exit`.
. tests/boot/assert.bash

mkfifo "$scratch/keys"
# Of a root that knows no terminals the terminal stays a VT100; that the locale has UTF-8 is told.
export TERM=xterm-256color LC_ALL=C.UTF-8
script -qec "\"$vmctl\" run --timeout $((300 * slow))" /dev/null <"$scratch/keys" >"$out" 2>&1 &
terminal=$!
exec 3>"$scratch/keys"

. tests/boot/terminal.bash

expect "Ctrl-] opens the hypervisor's console"
expect '/ # '
keys 'echo $((6*7))x\r'
expect '42x'
keys 'echo $TERM, $LANG, $(stty size).\r'
expect "vt100, C.UTF-8, "
# The terminal's size follows that of ours. A byte as a new size begins with one is input.
stty -F "/dev/$(ps -o tty= --ppid $terminal | head -n 1)" rows 33 cols 201 || fail "the terminal's size can't be changed"
keys 'until [ "$(stty size)" = "33 201" ]; do sleep 0.1; done; echo re""sized\r'
expect resized
keys 'echo re""ady; head -n 1 | od -An -tx1\r'
expect ready
keys 'a\377b\r'
expect '61 ff 62'
keys 'echo wrnog\177\177\177ong\r' # backspace edits
expect wrong
keys 'echo st""arted; sleep 1000\r'
expect started
keys_until '\003' '/ # ' # the first may come before the sleep runs
keys 'echo st""ill\r'
expect still
expect '/ # '
keys '\035'
expect 'bulkhead> '
keys 'ps\r'
expect "domain=$disk"
keys "kill $disk\r"
expect "$disk ends now"
expect 'bulkhead> '
keys '\035'
expect "the guest's console"
keys 'md5sum /bin/busybox\r'
expect "$(md5sum </bin/busybox | cut -d' ' -f1)"
keys 'exit 5\r'
wait $terminal
status=$?
[ $status -eq 5 ] || fail "status $status instead of 5"
