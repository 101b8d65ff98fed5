# SPDX-License-Identifier: MIT
# Threads and processes that wait for each other in all the ways there are, on 2 processors of the hypervisor and 4 of the bare machine: nobody
# sleeps for ever. And /proc tells where in the kernel somebody sleeps.
# not on bochs: its processors take turns, and the bare machine needs AHCI
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/wakeups" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
for machine in "isolated 2" "monolithic 4"; do
	boot 0 --mode "${machine% *}" --cpus "${machine#* }" --timeout 420 --root "$scratch/root" -- "/wakeups ${WAKEUP_SECONDS:-8} 2>/dev/null"
	output 'ok nobody sleeps for ever'
done

boot 0 --timeout 300 --root "$scratch/root" -- 'mkfifo /fifo; sleep 100 >/fifo & cat /fifo & until grep -q pipe_read /proc/$!/wchan; do sleep 0.1; done
	cat /proc/$!/wchan; echo; cat /proc/$!/stack; cat /proc/self/wchan'
grep -qx pipe_read "$out" || fail "cat does not sleep in pipe_read"
grep -qE '^\[<0>\] pipe_read\+0x[0-9a-f]+/0x[0-9a-f]+$' "$out" || fail "its stack has no pipe_read"
grep -qE '^\[<0>\] syscall_entry\+' "$out" || fail "its stack does not lead to the system call"
[ "$(tail -n 1 "$out")" = 0 ] || fail "who runs sleeps somewhere"
