# SPDX-License-Identifier: MIT
# Debian's strace: a program from its start, with its children, counted, and one that runs already; and the clocks of Debian's C library, which
# make no system call (the vDSO).
. tests/packages/packages.bash

make_root
mkdir -p "$scratch/root/test"
gcc -O1 -pthread -o "$scratch/root/test/traced" tests/packages/traced.c || fail "no compiler"
packages bash,coreutils,strace
in_guest 0 '
	strace -o /tmp/o ls / >/dev/null; cat /tmp/o; echo ==
	strace -f -o /tmp/f sh -c "ls / | wc -l >/dev/null; exit 3"; echo status $?; cat /tmp/f; echo ==
	strace -c -o /tmp/c ls / >/dev/null; cat /tmp/c; echo ==
	for s in 1 4 16 64; do sleep $s & strace -o /tmp/p -p $! && break; done; cat /tmp/p; echo ==
	for s in 3 12 48; do
		sleep $s & until grep -q "(sleep) S" /proc/$!/stat; do :; done
		strace -o /tmp/p -p $! && break
	done; cat /tmp/p; echo ==
	sleep 1000 & p=$!; strace -o /tmp/p -p $p & until grep -q "^TracerPid:.*[1-9]" /proc/$p/status; do sleep 0.1; done
	kill $p; wait $!; cat /tmp/p; echo ==
	strace -e inject=geteuid:retval=1234 -o /tmp/i id -u; echo ==
	strace -f -e trace=clock_gettime,gettimeofday,time,getcpu -o /tmp/v /test/traced clocks; cat /tmp/v' --cpus 2
part() { # NUMBER: of the output
	awk -v RS='==\n' -v n="$1" 'NR == n' "$out"
}
expect() { # NUMBER REGULAR-EXPRESSION
	part "$1" | grep -qE "$2" || fail "strace, part $1: nothing like $2"
}
expect 1 '^execve\("/(usr/)?bin/ls", \["ls", "/"\], 0x[0-9a-f]+ /\* [0-9]+ vars \*/\) = 0$'
expect 1 '^openat\(AT_FDCWD, "/", O_RDONLY\|O_NONBLOCK\|O_CLOEXEC\|O_DIRECTORY\) = 3$'
expect 1 '^getdents64\(3, 0x[0-9a-f]+ /\* [0-9]+ entries \*/, 32768\) = [0-9]+$'
expect 1 '^\+\+\+ exited with 0 \+\+\+$'
expect 2 '^status 3$'
[ "$(part 2 | grep -c '+++ exited with')" -eq 3 ] || fail "strace -f did not see three processes end"
expect 2 'SIGCHLD \{si_signo=SIGCHLD, si_code=CLD_EXITED'
expect 3 '^ *[0-9.]+ +[0-9.]+ +[0-9]+ +[0-9]+ +(1 )? *execve$'
expect 3 'total$'
expect 4 '^\+\+\+ exited with 0 \+\+\+$'
expect 5 '^restart_syscall\(<\.\.\. resuming interrupted .*\) = 0$'
expect 5 '^\+\+\+ exited with 0 \+\+\+$'
expect 6 '^\+\+\+ killed by SIGTERM \+\+\+$'
expect 7 '^1234$'
part 8 | grep -q 'went back 0 times' || fail "the clocks went back"
[ "$(part 8 | grep -cE '(clock_gettime|gettimeofday|time|getcpu)\(')" -eq 0 ] || fail "the clocks make system calls"
known_calls
