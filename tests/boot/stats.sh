# SPDX-License-Identifier: MIT
# vmctl run --stats: what the file says is what happened, per domain and per recovery, also where the command fails or the machine does.
. tests/boot/assert.bash

# has TEXT: the file has it.
has() {
	grep -qF -- "$1" "$scratch/stats" || fail "no $1 in $(cat "$scratch/stats")"
}
# domain NAME KEY: a number of a domain.
domain() {
	sed -nE "s/.*\"domain\": \"$1\".*\"$2\": ([0-9]+).*/\1/p" "$scratch/stats" | tail -n 1
}

boot 3 --stats "$scratch/stats" --kill $disk@0.2 -- "$until_epoch; md5sum /bin/busybox; sleep 1; until_epoch 2; exit 3"
has '"status": 3'
has '"mode": "isolated"'
has '"started": true'
has '"exited": true'
has '"kills": 1'
phases=
for phase in freeze fence reset wait rebuild replay total; do
	phases="$phases, \"${phase}_us\": [0-9]+"
done
[ "$(grep -cE "\"cause\": \"kill\"$phases" "$scratch/stats")" -eq 1 ] || fail "not one recovery with its phases"
less 0.9 "$(number command_seconds "$scratch/stats")" || fail "the command slept for a second"
less 0 "$(number boot_seconds "$scratch/stats")" || fail "no boot time"
for name in guest $disk; do
	[ "$(domain $name run_cycles)" -gt 0 ] && [ "$(domain $name exit_cycles)" -gt 0 ] || fail "$name has no run time"
	exits=$(domain $name exits)
	reasons=$(grep "\"domain\": \"$name\".*\"run_cycles\"" "$scratch/stats" |
		sed 's/.*"run_cycles": [0-9]*//' | grep -oE '[0-9]+' | awk '{ n += $1 } END { print n }')
	[ "$exits" -gt 0 ] && [ "$exits" -eq "$reasons" ] || fail "$name: $exits exits, $reasons by reason"
done
[ "$(domain $disk epoch)" -eq 2 ] || fail "the domain $disk has not epoch 2"

if [[ $modes = *monolithic* ]]; then
	boot 0 --mode monolithic --stats "$scratch/stats" -- true
	has '"mode": "monolithic"'
	has '"domains": []'
fi
boot 124 --timeout $((slow > 1 ? 60 : 6)) --stats "$scratch/stats" -- sleep 100000
has '"status": 124'
has '"exited": false'
