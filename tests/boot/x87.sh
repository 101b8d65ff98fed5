# SPDX-License-Identifier: MIT
# One processor loads x87 registers all the time, another one leaves to the hypervisor and comes back: with a domain on QEMU's first processor
# every second run of this ends in a triple fault of guest or hypervisor. $X87_SECONDS: how long.
# not on bochs: the gap is QEMU's
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/x87" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
boot 0 --cpus 2 --timeout 600 --root "$scratch/root" -- "/x87 ${X87_SECONDS:-8}"
output 'ok processors_stay'
