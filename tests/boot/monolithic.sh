# SPDX-License-Identifier: MIT
# The same kernel, program and disk on the bare machine: the baseline of every overhead figure.
# not on bochs: GRUB starts the hypervisor only
. tests/boot/assert.bash

make_root
head -c 5000000 /dev/urandom >"$scratch/root/data"
boot 0 --mode monolithic --root "$scratch/root" -- 'md5sum /data; cat /proc/bulkhead'
output "$(md5sum <"$scratch/root/data" | cut -d' ' -f1)  /data
bare machine"
boot 7 --mode monolithic -- exit 7
