# SPDX-License-Identifier: MIT
# The disk's domain under a front end without a kernel: blocks written and read back at random places while the domain is killed again
# and again; and what a request costs: at most 3 exits of all domains at depth 1, at most 0.5 at depth 32.
. tests/boot/assert.bash

truncate -s 32M "$scratch/disk"
resource="device class 010601
	memory 2M"
[ $disk = ahci ] || resource="module $scratch/disk
	keep-module
	memory 36M"
run() { # words of the command line, options of vmctl run
	local words=$1
	shift
	cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	priority 10
	cmdline disk $words
domain $disk
	image $BUILD/$disk.elf
	priority 100
	$resource
	restart 100 in 60s
link block guest $disk
END
	boot 0 --root "$scratch/disk" --manifest "$scratch/manifest" "$@" -- probe
	exits=$(sed -nE 's/.* requests, depth [0-9]+, ([0-9.]+) exits.* 0 failures$/\1/p' "$err")
}

run ''
less "$exits" 3.01 || fail "$exits exits a request at depth 1"
run deep
less "$exits" 0.51 || fail "$exits exits a request at depth 32"
kill_often 8 probe-$$ $disk 0.0$((slow > 1 ? 8 : 2))
run 'deep long' --name probe-$$ --stats "$scratch/stats"
killed 8
