# SPDX-License-Identifier: MIT
# A domain with two vCPUs: INIT, SIPI, NMI, interrupts and events between them; on two processors and on one.
. tests/boot/assert.bash

cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	vcpus 2
	cmdline vcpus
END
boot 0 --manifest "$scratch/manifest" -- probe
boot 0 --cpus 1 --manifest "$scratch/manifest" -- probe
