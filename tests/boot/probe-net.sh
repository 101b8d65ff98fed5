# SPDX-License-Identifier: MIT
# The network adapter's domain under a front end without a kernel, on QEMU's own network: an address is offered, the router answers, and takes
# a frame that the adapter cuts into ten; pings with contents come back while the domain is killed again and again, with frames in
# flight; and what a frame costs: at most 0.2 exits of all domains under load. The loop domain likewise, and the older adapter.
# not on bochs: it has no IOMMU
. tests/boot/assert.bash

truncate -s 32M "$scratch/disk"
run() { # domain, words of the command line, options of vmctl run
	local domain=$1 words=$2 device='device class 020000'
	shift 2
	[ $domain = loop ] && device= || set -- --net user "$@"
	cat >"$scratch/manifest" <<END
domain guest
	main
	image $BUILD/probe.elf
	memory 16M
	priority 10
	cmdline net $words
domain $domain
	image $BUILD/$domain.elf
	memory 2M
	priority 100
	$device
	restart 100 in 60s
link net guest $domain
END
	boot 0 --root "$scratch/disk" --manifest "$scratch/manifest" "$@" -- probe
	exits=$(sed -nE 's/.* answers, depth [0-9]+, ([0-9.]+) exits.* 0 failures$/\1/p' "$err")
	echo "$domain $words $*: $exits exits a frame, $(grep -c 'died: kill' "$err") deaths, $(sed -nE 's/.* an answer, (.*), 0 failures$/\1/p' "$err")"
}

has() { # COUNT PATTERN
	[ "$(grep -cE "$2" "$err")" -ge "$1" ] || fail "\"$2\" was said less than $1 times"
}

run e1000e cut
has 1 'e1000e: 82574L, address 52:54:00:12:34:56, MSI-X'
has 1 'link up, 1000 Mb/s full duplex'
has 1 'net: ([0-9]+) offers, \1 of them checked by the adapter, router 52:55:0a:00:02:02'
less "$exits" 2.01 || fail "$exits exits a frame at depth 1"
run e1000e deep
less "$exits" 0.21 || fail "$exits exits a frame at depth 32"
for iommu in amd intel; do
	kill_often 3 probe-$$ e1000e
	run e1000e 'deep longest' --name probe-$$ --stats "$scratch/stats" --cpus 2 --iommu $iommu
	killed 3
	has 3 'e1000e: 82574L, address'
	has 3 '^@ recovery domain=e1000e .* completion=yes'
done
run e1000e deep --net-device e1000
has 1 'e1000e: 82540EM, address 52:54:00:12:34:56, polled'
run loop deep
less "$exits" 0.11 || fail "$exits exits a frame on a loop"
kill_often 3 probe-$$ loop
run loop 'deep longest' --name probe-$$ --stats "$scratch/stats"
killed 3
