# SPDX-License-Identifier: MIT
# Bochs, whose processors have VT-x: what programs see is what they see on the host's Linux (exec, fork and wait, signals, pipes, threads), a
# command's status arrives. On two processors, a guest with two vCPUs does the same while the RAM disk's domain is killed and comes back. A
# processor without either vendor's virtualization is refused. `make test-bochs` runs the rest of the boot tests there.
# not on bochs: what it tries is tried there by tests of their own
export VMCTL_MACHINE=bochs
. tests/boot/assert.bash

make_root
# programs DIR NAME...: they are in the root as /DIR, and $scratch/want.DIR has what they print on the host.
programs() {
	local dir=$1 name
	shift
	mkdir "$scratch/root/$dir"
	for name; do
		cp "$BUILD/tests/guest/$name" "$scratch/root/$dir/" || fail "build the guest tests first: make guest-tests"
	done
	sh "$scratch/root/run.sh" "$scratch/root/$dir" >"$scratch/want.$dir" 2>/dev/null
}
# as_on_linux DIR
as_on_linux() {
	diff "$scratch/want.$1" "$out" >"$scratch/diff" || fail "the guest differs from Linux: $(cat "$scratch/diff")"
}
head -c 1500000 /dev/urandom >"$scratch/root/data"
cat >"$scratch/root/run.sh" <<'END'
for t in "$1"/*; do
	"$t"
	echo "status $?"
done
END
programs one exec family signals pipes threads
programs two processors contention

boot 5 --timeout 450 --root "$scratch/root" -- 'cd /tmp; sh /run.sh /one; exit 5'
grep -q 'preflight: VT-x' "$err" || fail "not on VT-x"
as_on_linux one

kill_often 2 bochs-$$ ramdisk
boot 0 --name bochs-$$ --timeout 750 --cpus 2 --root "$scratch/root" --stats "$scratch/stats" \
	-- "$until_epoch"'; cd /tmp; sh /run.sh /two; nproc; for i in 1 2 3 4; do cp /data /copy$i && sync; done
		cat /copy* | md5sum; until_epoch 3'
{ echo 2; for i in 1 2 3 4; do cat "$scratch/root/data"; done | md5sum; } >>"$scratch/want.two"
as_on_linux two
killed 2

boot 123 --machine bochs:athlon64_clawhammer -- true
said 'refused to start'
