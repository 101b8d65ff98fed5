# SPDX-License-Identifier: MIT
# A bundle that is cut, damaged or something else is refused with a reason.
. tests/boot/assert.bash

cat >"$scratch/manifest" <<'END'
domain guest
	main
	image guest-kernel.elf
	memory 64M
END
"$vmctl" bundle "$scratch/manifest" -o "$scratch/good" || fail "vmctl bundle"
head -c 5000 "$scratch/good" >"$scratch/cut"
cp "$scratch/good" "$scratch/header"
printf '\377' | dd of="$scratch/header" bs=1 seek=56 conv=notrunc 2>/dev/null
cp "$scratch/good" "$scratch/image"
size=$(stat -c %s "$scratch/good")
printf 'damage' | dd of="$scratch/image" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
head -c 65536 /dev/urandom >"$scratch/noise"
for kind in cut header image noise; do
	boot 123 --timeout $((300 * slow)) --bundle "$scratch/$kind"
	said bundle
done
