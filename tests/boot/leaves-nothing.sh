# SPDX-License-Identifier: MIT
# However vmctl ends, no emulator and no directory of the machine is left.
. tests/boot/assert.bash

for signal in KILL TERM HUP; do
	name=left-$$-$signal
	dir=/tmp/bulkhead-$(id -u)/$name
	"$vmctl" run --verbose --name "$name" -- sleep 100000 >"$out" 2>"$err" &
	machine=$!
	for _ in $(seq $((150 * slow))); do
		grep -q '^@ started' "$err" && break
		sleep 0.2
	done
	grep -q '^@ started' "$err" || fail "the command did not start"
	kill -$signal $machine
	wait $machine 2>/dev/null
	for _ in $(seq 50); do
		[ -e "$dir" ] || break
		sleep 0.1
	done
	[ ! -e "$dir" ] || fail "$dir is left after SIG$signal"
	for process in $(pgrep -f "(qemu-system|^bochs ).*$name/"); do
		[ "$process" = $$ ] || fail "the emulator is left after SIG$signal"
	done
done
