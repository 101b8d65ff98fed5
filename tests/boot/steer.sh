# SPDX-License-Identifier: MIT
# A running machine is steered from other processes: vmctl ps, kill and console.
. tests/boot/assert.bash

name=steer-$$
"$vmctl" run --name $name --stats "$scratch/stats" --timeout $((400 * slow)) -- "$until_epoch; until_epoch 3; echo done" >"$out" 2>"$err" </dev/null &
machine=$!
# domains: what `vmctl ps` says of this machine.
domains() {
	"$vmctl" ps 2>/dev/null | awk -v name="$name" '/^[^ ]/ { split($0, word, ":"); ours = word[1] == name; next } ours'
}
for _ in $(seq $((500 * slow))); do
	domains | grep -q "$disk" && break
	sleep 0.2
done
domains | grep -q guest || fail "vmctl ps does not list the machine's domains"
"$vmctl" kill $disk --machine $name >"$scratch/kill" || fail "vmctl kill"
grep -qE "^$name: $disk: back in [0-9.]+ ms, epoch 2\$" "$scratch/kill" || fail "vmctl kill says \"$(cat "$scratch/kill")\""
"$vmctl" kill nothing --machine $name >"$scratch/kill" 2>&1 && fail "vmctl kill of an unknown domain succeeded"
[ "$(grep -c 'vmctl ps' "$scratch/kill")" = 1 ] && [ "$(wc -l <"$scratch/kill")" = 1 ] || fail "not one sentence: $(cat "$scratch/kill")"
echo "stat $disk" | "$vmctl" console --machine $name | grep -q . || fail "vmctl console printed nothing"
echo "kill $disk" | "$vmctl" console --machine $name | grep -q "^$disk ends now" || fail "vmctl console does not say what its kill does"
wait $machine || fail "the machine ended with status $?"
output 'done'
[ "$(grep -c '"cause": "kill"' "$scratch/stats")" = 2 ] || fail "two kills did not lead to two recoveries"
