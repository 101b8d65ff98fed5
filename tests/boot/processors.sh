# SPDX-License-Identifier: MIT
# Several processors: the guest's programs of threads and of processes side by side print what they print on the host's Linux, on the bare
# machine and on the hypervisor, there also while the disk's domain dies again and again. The kernel is the one with lock checks.
# not on bochs: its processors take turns, and the bare machine needs AHCI
. tests/boot/assert.bash

make_root
mkdir "$scratch/root/t" "$scratch/vm"
cp "$BUILD"/vmctl "$BUILD"/*.elf "$scratch/vm/" || fail "build the machine first: make"
cp "$BUILD/debug/guest-kernel.elf" "$scratch/vm/" || fail "build the kernel with lock checks first: make kernel-debug"
vmctl=$scratch/vm/vmctl
cat >"$scratch/root/run.sh" <<'END2'
for t in processors contention threads family pipes signals large; do
	echo "== $t"
	"/t/$t" || echo "== status $?"
done
END2
programs="processors contention threads family pipes signals large"
for t in $programs; do
	cp "$BUILD/tests/guest/$t" "$scratch/root/t/" || fail "build the guest tests first: make guest-tests"
done
sed "s,/t/,$scratch/root/t/," "$scratch/root/run.sh" | sh >"$scratch/want" 2>/dev/null
grep -q '^not ok\|^== status' "$scratch/want" && fail "Linux itself does not pass: $(grep '^not ok\|^== status' "$scratch/want")"

for machine in "monolithic 4" "isolated 2"; do
	boot 0 --mode "${machine% *}" --cpus "${machine#* }" --timeout 300 --root "$scratch/root" -- 'nproc; sh /run.sh'
	{ echo "${machine#* }"; cat "$scratch/want"; } | diff - "$out" >"$scratch/diff" || fail "$machine: the guest differs from Linux: $(cat "$scratch/diff")"
done

kill_often 4 processors-$$
boot 0 --name processors-$$ --cpus 3 --timeout 300 --root "$scratch/root" --stats "$scratch/stats" \
	-- "$until_epoch"'; dd if=/dev/urandom of=/data bs=64k count=150 2>/dev/null; /t/contention
		for i in 1 2 3; do cp /data /data.$i & done; wait; until_epoch 5; md5sum /data* | cut -c1-32 | sort -u | wc -l'
[ "$(tail -n 1 "$out")" = 1 ] || fail "copies that differ: $(cat "$out")"
grep -q '^not ok' "$out" && fail "contention fails under kills: $(cat "$out")"
killed 4
