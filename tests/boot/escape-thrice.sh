# SPDX-License-Identifier: MIT
# Ctrl-] three times in a row ends the machine: vmctl says so, gives the terminal back, and exits with SIGTERM's status.
. tests/boot/assert.bash

mkfifo "$scratch/keys"
script -qec "\"$vmctl\" run --timeout $((300 * slow))" /dev/null <"$scratch/keys" >"$out" 2>&1 &
terminal=$!
exec 3>"$scratch/keys"
for _ in $(seq $((900 * slow))); do
	grep -qF '/ # ' "$out" && break
	sleep 0.2
done
printf '\035\035\035' >&3
wait $terminal
status=$?
[ $status -eq 143 ] || fail "status $status instead of 143"
grep -qF '[the machine was ended]' "$out" || fail "nothing tells that the machine was ended"
