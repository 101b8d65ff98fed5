# SPDX-License-Identifier: MIT
# Bochs, whose processors have VT-x: what programs see is what they see on the host's Linux (exec, fork and wait, signals, pipes, threads), a
# command's status arrives, and on two processors the RAM disk's domain is killed and comes back under a program that reads and writes. A
# processor without either vendor's virtualization is refused. `make test-bochs` runs the rest of the boot tests there.
# limit: 240
# not on bochs: what it tries is tried there by tests of their own
export VMCTL_MACHINE=bochs
. tests/boot/assert.bash

make_root
mkdir "$scratch/root/t"
for program in exec family signals pipes threads; do
	cp "$BUILD/tests/guest/$program" "$scratch/root/t/" || fail "build the guest tests first: make guest-tests"
done
head -c 1500000 /dev/urandom >"$scratch/root/data"
cat >"$scratch/root/run.sh" <<'END'
for t in "$1"/t/*; do
	"$t"
	echo "status $?"
done
md5sum <"$1/data"
exit 5
END
sh "$scratch/root/run.sh" "$scratch/root" >"$scratch/want" 2>/dev/null
boot 5 --timeout 150 --root "$scratch/root" -- 'cd /t; sh /run.sh ""'
grep -q 'preflight: VT-x' "$err" || fail "not on VT-x"
diff "$scratch/want" "$out" >"$scratch/diff" || fail "the guest differs from Linux: $(cat "$scratch/diff")"

boot 0 --timeout 100 --cpus 2 --root "$scratch/root" --stats "$scratch/stats" --kill ramdisk@0.05 --kill ramdisk@2.5 \
	-- 'for i in 1 2 3 4; do cp /data /copy$i && sync; done; cat /copy* | md5sum; sleep 1; while ! dmesg | grep -q "epoch 3"; do :; done'
output "$(for i in 1 2 3 4; do cat "$scratch/root/data"; done | md5sum)"
grep -q '2 processors' "$err" || fail "not two processors"
[ "$(grep -c '"cause": "kill"' "$scratch/stats")" -eq 2 ] || fail "not two recoveries"

boot 123 --machine bochs:athlon64_clawhammer -- true
said 'refused to start'
