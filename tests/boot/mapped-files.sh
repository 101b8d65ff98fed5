# SPDX-License-Identifier: MIT
# Two processes map a file larger than the memory that files have here, write it, read it and copy pages of it: it is as in a machine that has room
# for it, nobody is ended for memory, and the disk is clean.
# not on bochs: its disk is slow
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/mapped_files" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
kept_root "$scratch/root"
for cpus in 1 2; do
	boot 0 --cpus $cpus --memory 48M --timeout 300 "${kept[@]}" -- '/mapped_files /big 36; dmesg | grep "out of memory"; echo done'
	output 'written by a mapping: 0 wrong in it, 0 in the file
read by two: 0 wrong, and by the other one 0
done'
done
clean "$scratch/image"
