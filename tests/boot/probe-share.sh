# SPDX-License-Identifier: MIT
# Domains that never give a shared processor up: one of the same priority takes turns with the main domain, one of a higher priority
# stays within its budget (2 of 10 ms; alone it would starve the main domain for good).
. tests/boot/assert.bash

share() { # priority and budget of the one that spins
	cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	cpus 0
	priority 10
	cmdline calls
domain hog
	image $BUILD/probe.elf
	memory 2M
	cpus 0
	cmdline spin
	$1
	${2:-}
END
	boot 0 --timeout $((300 * slow)) --stats "$scratch/stats" --manifest "$scratch/manifest" -- probe
	hog=$(sed -nE 's/.*"domain": "hog".*"run_cycles": ([0-9]+).*/\1/p' "$scratch/stats")
	[ "$hog" -gt 0 ] || fail "the other domain never ran"
}

share 'priority 10'
share 'priority 200' 'budget 2ms of 10ms'
