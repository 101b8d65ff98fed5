# SPDX-License-Identifier: MIT
# Debian's gdb: breakpoints, steps, stacks, values, registers, threads, a hardware watchpoint, a function of the program called, a crash, and
# a process that runs already.
# long
. tests/packages/packages.bash

make_root
mkdir -p "$scratch/root/test"
gcc -g -O0 -pthread -o "$scratch/root/test/traced" tests/packages/traced.c || fail "no compiler"
cp tests/packages/traced.c "$scratch/root/test/"
cat >"$scratch/root/test/run.gdb" <<'END'
set pagination off
set confirm off
break add
run
set scheduler-locking step
bt
print a + b
info registers rip
next
print sum - a - b
info threads
delete 1
watch total
continue
continue
delete
print ratio
set var ratio = 2.5
print ratio * 2
print add(5, 6)
continue
run crash
bt 1
print $_siginfo.si_signo
kill
quit
END
cat >"$scratch/root/test/attach.gdb" <<'END'
set pagination off
set confirm off
break add
continue
finish
stepi
generate-core-file /tmp/core
detach
quit
END
packages bash,coreutils,gdb
in_guest 0 'gdb -q -nx -batch -x /test/run.gdb /test/traced </dev/null 2>&1; echo ==
	/test/traced wait & sleep 0.3; gdb -q -nx -batch -x /test/attach.gdb -p $! </dev/null 2>&1
	kill $!; wait $!; echo status $?; gdb -q -nx -batch -ex bt /test/traced /tmp/core </dev/null 2>&1' --cpus 2 --memory 512M --timeout 150
expect() {
	grep -qE "$1" "$out" || fail "gdb did not say $1"
}
expect 'hit Breakpoint 1, add \(a=(0|10), b=0\)'
expect '^#1 .* work \(arg=0x[0a]\) at .*traced.c:'
expect '^\$1 = (0|10)$'
expect '^rip +0x[0-9a-f]+ +0x[0-9a-f]+ <add\+'
expect '^\$2 = 0$'
[ "$(grep -cE '^[* ] [123] +Thread 0x[0-9a-f]+ \(LWP' "$out")" -ge 2 ] || fail "gdb saw fewer than two threads"
expect 'hit Hardware watchpoint 2: total'
expect '^New value = '
expect '^\$3 = 1\.5$'
expect '^\$4 = 5$'
expect '^\$5 = 11$'
expect 'received signal SIGSEGV'
expect '^\$6 = 11$'
expect '^Value returned is .1 = 2$'
expect 'Saved corefile /tmp/core'
expect '^\[Inferior 1 \(process [0-9]+\) detached\]$'
expect '^status 143$'
expect '^#[012] .*main \(argc=2'
known_calls
