# SPDX-License-Identifier: MIT
# Under -icount a TSC cycle is an instruction: what an exit and its resumption cost in the hypervisor is at most 400 of them for each reason, in a
# workload of reads, processes and sleeps. Only an access to a register file, of which there are some tens at boot, costs more: it walks the guest's
# tables and decodes an instruction. The same counts in every run.
# not on bochs: its serial lines take time, which is in the averages (docs/bochs.md)
. tests/boot/assert.bash

boot 0 --icount --stats "$scratch/stats" -- 'dd if=/dev/vda of=/dev/null bs=4k count=1000 iflag=direct 2>/dev/null
	i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done; sleep 0.2'
# pairs LIST DOMAIN: "reason number" a line, out of that list's object for the domain.
pairs() {
	sed -n "/\"$1\": \[/,/\]/p" "$scratch/stats" | grep "\"domain\": \"$2\"" |
		grep -oE '"(interrupt|hypercall|mmio|io|msr|cpuid|hlt|window|page-fault|other)": [0-9]+' | tr -d '":'
}
for name in guest ahci; do
	exits=$(pairs domains $name | awk '{ n += $2 } END { print n }')
	[ "$exits" -gt 500 ] || fail "$name: $exits exits are too few for a verdict"
	while read -r reason count; do
		each=$(pairs cycles_an_exit $name | awk -v r="$reason" '$1 == r { print $2 }')
		echo "$name: $reason: $count exits, $each instructions each"
		limit=400
		[ "$reason" = mmio ] && limit=900
		[ "$each" -le $limit ] || fail "$name: $reason costs $each instructions"
	done < <(pairs domains $name)
done
