# SPDX-License-Identifier: MIT
# The interactive console on a pseudo-terminal: a shell with line editing, Ctrl-C, the hypervisor's console behind Ctrl-], and the
# status of `exit`.
. tests/boot/assert.bash

mkfifo "$scratch/keys"
script -qec "\"$vmctl\" run --timeout $((110 * slow))" /dev/null <"$scratch/keys" >"$out" 2>&1 &
terminal=$!
exec 3>"$scratch/keys"

. tests/boot/terminal.bash

expect "Ctrl-] opens the hypervisor's console"
expect '/ # '
keys 'echo $((6*7))x\r'
expect '42x'
keys 'echo wrnog\177\177\177ong\r' # backspace edits
expect wrong
keys 'echo st""arted; sleep 1000\r' # Ctrl-C is for the shell's editor until the sleep runs
expect started
keys '\003'
expect '/ # '
keys '\035'
expect 'bulkhead> '
keys 'ps\r'
expect "domain=$disk"
keys "kill $disk\r"
expect 'bulkhead> '
keys '\035'
expect "the guest's console"
keys 'md5sum /bin/busybox\r'
expect "$(md5sum </bin/busybox | cut -d' ' -f1)"
keys 'exit 5\r'
wait $terminal
status=$?
[ $status -eq 5 ] || fail "status $status instead of 5"
