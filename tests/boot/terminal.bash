# SPDX-License-Identifier: MIT
# A terminal that a test types on: $terminal is the process behind it, $out has what it showed, descriptor 3 takes the keys.
seen=0
# expect TEXT: it appears on the terminal, behind what was expected before.
expect() {
	local at
	for _ in $(seq $((900 * slow))); do
		at=$(tail -c +$((seen + 1)) "$out" | grep -abo -m 1 -F -- "$1" | head -n 1 | cut -d: -f1)
		if [ -n "$at" ]; then
			seen=$((seen + at + ${#1}))
			return
		fi
		kill -0 $terminal 2>/dev/null || break
		sleep 0.2
	done
	fail "\"$1\" did not appear"
}
# keys_until KEYS TEXT: as expect, of keys that find nobody to take them when they come too early: they are pressed again each second.
keys_until() {
	local at
	for _ in $(seq $((180 * slow))); do
		keys "$1"
		for _ in 1 2 3 4 5; do
			at=$(tail -c +$((seen + 1)) "$out" | grep -abo -m 1 -F -- "$2" | head -n 1 | cut -d: -f1)
			if [ -n "$at" ]; then
				seen=$((seen + at + ${#2}))
				return
			fi
			kill -0 $terminal 2>/dev/null || break 2
			sleep 0.2
		done
	done
	fail "\"$2\" did not appear"
}
keys() {
	printf "$1" >&3
}
