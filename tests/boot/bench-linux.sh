# SPDX-License-Identifier: MIT
# `vmctl bench --against linux`: Debian's kernel, ours bare and ours isolated run the same lines, and the table has times, instruction counts
# and ratios of all three. Figures are not judged here, but that Linux counts as many instructions for computing as we do: the same program
# ran, on the same clock. Where no archive has that kernel there is nothing to compare with.
# not on bochs: it is about machines of QEMU
. tests/boot/assert.bash

"$vmctl" bench --against linux --short --runs 1 --lines null-syscall,stat,cpu-bound --json "$scratch/json" >"$out" 2>"$err"
status=$?
if [ $status -eq 121 ] && grep -qE 'apt knows no|sh failed' "$err"; then
	echo "not tried: $(tail -n 1 "$err")"
	exit 0
fi
[ $status -eq 0 ] || fail "vmctl bench: status $status"
cat "$out"
for name in null-syscall stat cpu-bound; do
	grep -qE "^$name( \*)?( +~?[0-9.]+){10}$" "$out" || fail "the line of $name has not ten figures"
	grep -qE "\"name\": \"$name\".*\"linux_ns\": [0-9].*\"linux_instructions\": [0-9]" "$scratch/json" || fail "no figures of $name in JSON"
done
[ "$(grep -c '^geometric mean of' "$out")" -eq 2 ] || fail "not two geometric means"
awk '/^cpu-bound/ { gsub("~", ""); if ($7 < $8 * 0.99 || $7 > $8 * 1.05) { exit 1 } }' "$out" ||
	fail "the same loop has other counts on Linux"
# What only --profile tells.
"$vmctl" bench --short --profile null-syscall >"$out" 2>"$err" || fail "vmctl bench --profile: status $?"
grep -qE '^null-syscall, isolated: [0-9]+ samples' "$out" || fail "no profile"
grep -qE '^ +[0-9.]+%  kernel syscall_' "$out" || fail "the system call's own way is not in its profile"
"$vmctl" bench --short --profile null-syscall --icount >"$out" 2>"$err" || fail "vmctl bench --profile --icount: status $?"
grep -qE '^null-syscall, isolated: [0-9]+ instructions' "$out" || fail "no exact profile"
grep -qE '^ +[0-9.]+% +[0-9.]+ a system call  kernel sys_getppid$' "$out" || fail "the system call is not in its exact profile"
# A name that is no line's.
for kind in "" net; do
	if "$vmctl" bench $kind --short --lines null-syscall,loop,nothing >"$out" 2>"$err"; then
		fail "a line that does not exist was measured"
	fi
	grep -qE 'no line is called "(nothing|null-syscall|loop)"' "$err" || fail "no word about the line that does not exist"
done
