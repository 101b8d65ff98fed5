# SPDX-License-Identifier: MIT
# The older adapter, which has neither messages nor a standard reset: a web server behind it is reached, and its domain comes back with the device's own
# reset when it is killed under transfers. On QEMU behind the IOMMU; on Bochs, which has none, the log calls it unfenced.
# not on bochs: it boots there by itself
. tests/boot/assert.bash

make_root
. tests/boot/publish.bash
head -c 2000000 /dev/urandom >"$scratch/root/www/big"

# transfers N OPTIONS: N deaths under transfers.
transfers() {
	local deaths=$1
	shift
	server_start --timeout 500 "$@"
	under_kills "$deaths" fetch_big
	fetch_big
	server_stop
	grep -q "82540EM's own reset" "$err" || fail "the hypervisor knows no reset for it"
}

transfers 3 --net-device e1000
grep -q unfenced "$err" && fail "it is not fenced on QEMU"
transfers 2 --machine bochs
grep -q '8086:100e class 020000, unfenced' "$err" || fail "nothing says that no IOMMU fences it"
echo PASS
