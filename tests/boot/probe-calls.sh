# SPDX-License-Identifier: MIT
# The probe domain tries every hypercall, timers, upcalls, CPUID and the FPU from inside a guest; its verdict is the status.
. tests/boot/assert.bash

cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	cmdline calls
END
boot 0 --manifest "$scratch/manifest" -- probe
sed -i "s/cmdline calls/cpus 1\n\tcmdline hello/" "$scratch/manifest"
boot 42 --manifest "$scratch/manifest" -- probe
output 'hello from the probe'
