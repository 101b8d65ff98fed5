# SPDX-License-Identifier: MIT
# The capsule of a domain that died: a core from which gdb names the function that did it, the last exits, the links; of a running machine's
# driver domain, killed, too. Both machines go on.
# not on bochs: nobody outside can read the memory of its machine
. tests/boot/assert.bash

cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	priority 10
	cmdline front suicide
domain back
	image $BUILD/probe.elf
	memory 2M
	priority 100
	cmdline back touch
	restart 100 in 60s
link block guest back
END
boot 0 --capsules "$scratch/capsules" --manifest "$scratch/manifest" -- probe
[ "$(echo "$scratch"/capsules/back-[1-5].core | wc -w)" = 5 ] || fail "not five capsules"
core=$scratch/capsules/back-5.core
readelf -lW "$core" | grep -q 'LOAD .* 0x0000000000000000 0x0000000000000000 0x200000 ' || fail "the core has not the domain's memory"
gdb -nx -batch -ex bt "$BUILD/probe.elf" "$core" >"$out" 2>"$err"
grep -q '^#0 .* die (' "$out" && grep -q '^#1 .* probe_main (' "$out" || fail "gdb does not say that it died in die(), called by probe_main()"
"$vmctl" capsule "$core" >"$out" || fail "vmctl capsule cannot read its own core"
grep -q '^domain back, epoch 5, died: crash: it accessed memory that is not its own$' "$out" || fail "the summary does not say what happened"
grep -q 'before death at .*: page-fault$' "$out" || fail "the last exits are missing"
grep -q '^link 0: back end, to guest' "$out" || fail "the link is missing"
head -c 5000 "$core" >"$scratch/cut.core"
"$vmctl" capsule "$scratch/cut.core" >"$out" 2>"$err" && fail "a cut core was taken"

name=capsule-$$
"$vmctl" run --verbose --name $name --timeout 600 --kill ahci@0.2 -- 'md5sum /dev/vda; sleep 100000' \
	>"$out" 2>"$err" &
machine=$!
for _ in $(seq 900); do
	grep -q '^@ recovery domain=ahci' "$err" && break
	sleep 0.2
done
"$vmctl" capsule ahci --machine $name -o "$scratch/ahci.core" >"$scratch/shown" || fail "vmctl capsule of a running machine"
"$vmctl" capsule guest --machine $name >"$scratch/none" 2>&1 && fail "a capsule of a domain that lives"
kill $machine
grep -q '^domain ahci, epoch 1, died: kill: by command$' "$scratch/shown" || fail "the summary: $(head -3 "$scratch/shown")"
grep -qE 'queue 0: size 128, .* in flight [0-9]+$' "$scratch/shown" || fail "no requests in flight are told: $(grep queue "$scratch/shown")"
gdb -nx -batch -ex bt "$BUILD/ahci.elf" "$scratch/ahci.core" 2>&1 | grep -q 'in domain_main ()' || fail "gdb does not get from the AHCI driver to its start"
