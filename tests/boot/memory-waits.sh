# SPDX-License-Identifier: MIT
# In a debug build reserve-fail=N lets every N-th reservation find nothing at first, so that each place where an operation can wait for
# memory is walked: it waits, goes on, and no call returns an error for it. Nobody is ended.
# not on bochs: one processor of it takes too long
. tests/boot/assert.bash

make_root
mkdir "$scratch/root/t"
for program in files pipes exec sockets threads; do
	cp "$BUILD/tests/guest/$program" "$scratch/root/t/" || fail "build the guest tests first: make guest-tests"
done
boot 0 --memory 128M --timeout 300 --append "reserve-fail=100" --root "$scratch/root" -- '
cd /tmp; for t in /t/*; do $t | grep "^not ok"; done; dmesg | grep "out of memory"; echo done'
output done
