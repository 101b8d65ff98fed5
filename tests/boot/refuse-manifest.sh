# SPDX-License-Identifier: MIT
# What is wrong with a manifest is said with its line, by run, check and bundle alike, and nothing boots.
# not on bochs: it boots nothing
. tests/boot/assert.bash

cat >"$scratch/manifest" <<'END'
domain guest
	main
	image guest-kernel.elf
	memory 64Q
	vcpus 99
domain guest
	image no-such.elf
	memory 2M
link block guest nobody
END
for command in "run --manifest $scratch/manifest -- true" "check $scratch/manifest" "bundle $scratch/manifest -o $scratch/bundle"; do
	"$vmctl" $command >"$out" 2>"$err"
	[ $? -eq 120 ] || fail "vmctl $command: not status 120"
	for line in 4 5 6 9; do
		grep -q "^$scratch/manifest:$line: " "$err" || fail "vmctl $command: no error for line $line"
	done
	said '4 errors'
done
[ ! -e "$scratch/bundle" ] || fail "a bundle was written"
sed -i 's/64Q/64M/; s/99/2/; s/^domain guest$/domain other/2; s/nobody/other/' "$scratch/manifest"
sed -i '6s/guest/other/' "$scratch/manifest"
"$vmctl" bundle "$scratch/manifest" -o "$scratch/bundle" >"$out" 2>"$err"
[ $? -eq 120 ] || fail "a missing image was accepted"
grep -q "^$scratch/manifest:7: image \"no-such.elf\" can't be read" "$err" || fail "no error for the missing image"
