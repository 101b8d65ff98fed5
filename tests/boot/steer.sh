# SPDX-License-Identifier: MIT
# A running machine is steered from other processes: vmctl ps, kill and console.
. tests/boot/assert.bash

name=steer-$$
"$vmctl" run --name $name --stats "$scratch/stats" --timeout 60 \
	-- 'while [ ! -e /go ]; do read line; [ "$line" = go ] && : >/go; sleep 1; [ $((n=n+1)) -gt 12 ] && : >/go; done; echo done' \
	>"$out" 2>"$err" </dev/null &
machine=$!
for _ in $(seq 100); do
	"$vmctl" ps 2>/dev/null | grep -A9 "^$name\$" | grep -q ahci && break
	sleep 0.2
done
"$vmctl" ps | grep -A9 "^$name\$" | grep -q guest || fail "vmctl ps does not list the machine's domains"
"$vmctl" kill ahci --machine $name || fail "vmctl kill"
"$vmctl" kill nothing --machine $name 2>/dev/null && fail "vmctl kill of an unknown domain succeeded"
echo 'stat ahci' | "$vmctl" console --machine $name | grep -q . || fail "vmctl console printed nothing"
wait $machine || fail "the machine ended with status $?"
output 'done'
[ "$(grep -c '"cause": "kill"' "$scratch/stats")" = 1 ] || fail "the kill did not lead to one recovery"
