# SPDX-License-Identifier: MIT
# A guest kernel that dies is told from one that ends: by the hypervisor, and on the bare machine.
. tests/boot/assert.bash

cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/triple-fault.elf
	memory 64M
END
boot 125 --manifest "$scratch/manifest" -- echo hello
said 'guest gave up'
[[ $modes = *monolithic* ]] || exit 0
mkdir "$scratch/bin"
cp "$vmctl" "$scratch/bin/vmctl"
cp "$BUILD/triple-fault.elf" "$scratch/bin/guest-kernel.elf"
vmctl=$scratch/bin/vmctl
boot 118 --mode monolithic --timeout 300 -- echo hello
said 'before the command started'
