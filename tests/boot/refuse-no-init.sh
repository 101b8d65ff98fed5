# SPDX-License-Identifier: MIT
# A root without /bin/sh is refused in words.
. tests/boot/assert.bash

refused() { # what vmctl has to say
	rm -f "$scratch/image"
	mke2fs -q -t ext4 -O ^has_journal -d "$scratch/root" "$scratch/image" 32M >/dev/null || fail mke2fs
	for mode in $modes; do
		boot 122 --mode $mode --root "$scratch/image" -- echo hello
		said "$1"
		[ ! -s "$out" ] || fail "something ran"
	done
}
mkdir -p "$scratch/root/bin"
refused 'the root has no directory /dev to mount on'
mkdir -p "$scratch/root/dev" "$scratch/root/proc" "$scratch/root/tmp"
refused 'cannot run /bin/sh'
echo 'not a program' >"$scratch/root/bin/sh"
chmod +x "$scratch/root/bin/sh"
refused 'cannot run /bin/sh'
