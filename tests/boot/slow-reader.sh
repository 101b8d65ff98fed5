# SPDX-License-Identifier: MIT
# Whoever reads vmctl's output late still gets every byte of it; whoever stops reading ends the machine.
. tests/boot/assert.bash

make_root
head -c $((6000000 / slow)) /dev/urandom | od -An -tx1 -v >"$scratch/root/text"
head -c $((1000000 / slow)) "$scratch/root/text" >"$scratch/root/part"
sum=$(md5sum <"$scratch/root/part")
got=$("$vmctl" run --root "$scratch/root" -- cat /part 2>"$err" | { sleep 6; md5sum; })
[ "$got" = "$sum" ] || fail "bytes are lost when the reader is slow"
"$vmctl" run --name pipe-$$ --timeout $((300 * slow)) --root "$scratch/root" -- cat /text 2>"$err" | head -c 1000 >"$out"
[ "$(stat -c %s "$out")" -eq 1000 ] || fail "not 1000 bytes"
[ ! -e "/tmp/bulkhead-$(id -u)/pipe-$$" ] || fail "the machine still runs"
