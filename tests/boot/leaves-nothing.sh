# SPDX-License-Identifier: MIT
# However vmctl ends, no emulator and no directory of the machine is left.
. tests/boot/assert.bash

for signal in KILL TERM HUP; do
	name=left-$$-$signal
	dir=/tmp/bulkhead-$(id -u)/$name
	"$vmctl" run --verbose --name "$name" -- sleep 100000 >"$out" 2>"$err" &
	machine=$!
	for _ in $(seq $((500 * slow))); do
		grep -q '^@ started' "$err" && break
		sleep 0.2
	done
	grep -q '^@ started' "$err" || fail "the command did not start"
	kill -$signal $machine
	wait $machine 2>/dev/null
	for _ in $(seq 300); do
		[ -e "$dir" ] || break
		sleep 0.1
	done
	[ ! -e "$dir" ] || fail "$dir is left after SIG$signal"
	for process in $(pgrep -f "(qemu-system|^bochs ).*$name/"); do
		[ "$process" = $$ ] || fail "the emulator is left after SIG$signal"
	done
done

# An image that is interrupted while it is made leaves no half of it. The program that formats its partition takes as long as the half is there.
mkdir "$scratch/bin"
cat >"$scratch/bin/mformat" <<END
#!/bin/sh
[ -s "$scratch/half.part" ] && : >"$scratch/reached"
while [ -e "$scratch/half.part" ]; do
	sleep 0.1
done
END
chmod +x "$scratch/bin/mformat"
PATH=$scratch/bin:$PATH "$vmctl" image --bootable disk -o "$scratch/half" 2>"$err" &
maker=$!
until [ -e "$scratch/reached" ]; do
	kill -0 $maker 2>/dev/null || fail "no image is being made"
	sleep 0.1
done
kill -INT $maker
kill -TERM $maker
wait $maker
for _ in $(seq 300); do
	[ -e "$scratch/half.part" ] || break
	sleep 0.1
done
[ ! -e "$scratch/half.part" ] || fail "half an image is left"
"$vmctl" run -- 'echo x' >/dev/full 2>"$err"
[ $? -eq 121 ] || fail "output that nobody took is no failure"
said "stdout can't be written"
