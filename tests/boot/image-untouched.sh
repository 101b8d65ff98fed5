# SPDX-License-Identifier: MIT
# Without --write the user's image stays as it is.
# not on bochs: it is about images behind the AHCI controller
. tests/boot/assert.bash

make_root
echo before >"$scratch/root/file"
make_image "$scratch/root"
sum=$(md5sum <"$scratch/image")
boot 0 --root "$scratch/image" -- 'echo after >/file; sync; cat /file'
output after
[ "$(md5sum <"$scratch/image")" = "$sum" ] || fail "the image changed"
