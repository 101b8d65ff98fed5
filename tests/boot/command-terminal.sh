# SPDX-License-Identifier: MIT
# A command on a terminal has it as its own: what is typed is its stdin, with echo and line editing, lines end as a terminal wants them, Ctrl-C interrupts
# it. Both modes. Without a terminal its output comes byte for byte, and it has nothing to read.
. tests/boot/assert.bash
. tests/boot/terminal.bash

command="tty; echo re\"\"ady; read a; echo \"got \$a\"; trap \"exit 7\" INT; echo wa\"\"its; while :; do sleep 1; done"
for mode in $modes; do
	rm -f "$scratch/keys"
	mkfifo "$scratch/keys"
	seen=0
	script -qec "\"$vmctl\" run --mode $mode --timeout $((300 * slow)) -- '$command'" /dev/null <"$scratch/keys" >"$out" 2>&1 &
	terminal=$!
	exec 3>"$scratch/keys"
	expect /dev/console
	expect $'\r\n'
	expect $'ready\r\n'
	keys 'wrox\177ng\r'
	expect $'\r\n'
	expect $'got wrong\r\n'
	expect waits
	keys '\003'
	wait $terminal
	status=$?
	exec 3>&-
	[ $status -eq 7 ] || fail "status $status instead of 7"
	boot 0 --mode $mode -- 'cat; echo a; tty; ls -l /proc/self/fd/0 | sed "s/.* -> //"'
	output 'a
not a tty
/dev/null'
done
