# SPDX-License-Identifier: MIT
# `vmctl bench net`: servers in the guest, the client on the host, ours bare and ours isolated; the table has rates, packets, exits and
# instruction counts. Figures are not judged here, but that a byte over the loopback costs as many instructions isolated as bare.
# not on bochs: it is about machines of QEMU
. tests/boot/assert.bash

"$vmctl" bench net --short --runs 1 --lines bulk-in-kib,bulk-out-kib,connect,loop-round-trip --json "$scratch/json" >"$out" 2>"$err" ||
	fail "vmctl bench net: status $?"
cat "$out"
for name in bulk-in-kib bulk-out-kib connect loop-round-trip; do
	grep -qE "^$name +- +[0-9]+ +[0-9]+ +- +[0-9.]+ +[0-9.]+ +[0-9.]+ +- +[0-9]+ +[0-9]+ +- +[0-9.]+$" "$out" || fail "the line of $name lacks figures"
	grep -qE "\"name\": \"$name\".*\"isolated_ns\": [0-9]" "$scratch/json" || fail "no figures of $name in JSON"
done
awk '/^loop-round-trip/ { if ($NF < 0.9 || $NF > 1.1) { exit 1 } }' "$out" || fail "the loopback costs other counts with the hypervisor"
"$vmctl" bench nets 2>"$err"
status=$?
[ $status -eq 119 ] || fail "another word than net is not refused: status $status"
