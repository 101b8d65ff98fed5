# SPDX-License-Identifier: MIT
# What /proc tells of memory adds up: meminfo's lines to MemTotal, a process's areas to VmSize, what is in them to VmRSS, by maps, smaps, status
# and statm alike; large areas are of 2 MiB pages and small programs are not; and after a thousand programs, mappings of all kinds and
# full memory the free memory is what it was.
# not on bochs: it counts on the memory of a machine of QEMU
. tests/boot/assert.bash

make_root
cp "$BUILD/tests/guest/large" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
{ echo "$free_now"; cat; } >"$scratch/root/sums.sh" <<'END'
meminfo() {
	awk '{ kib[$1] = $2 }
		END { sum = kib["MemFree:"] + kib["Cached:"] + kib["AnonPages:"] + kib["Slab:"] + kib["KernelStack:"] + kib["PageTables:"] + kib["KernelOther:"]
			difference = kib["MemTotal:"] - sum
			print (difference * difference <= 32 * 32 ? "meminfo adds up" : "meminfo: " difference " KiB of MemTotal are missing") }' /proc/meminfo
}
process() {
	awk -v pid=$1 'function hex(text,  i, value) {
			for (i = 1; i <= length(text); i++) { value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1 }
			return value
		}
		function same(what, a, b) { if (a != b) { print what ": " a " is not " b; bad = 1 } }
		BEGIN {
			while ((getline <("/proc/" pid "/maps")) > 0) { split($1, ends, "-"); size += (hex(ends[2]) - hex(ends[1])) / 1024 }
			while ((getline <("/proc/" pid "/smaps")) > 0) {
				sum[$1] += $2
				if ($1 == "Pss:" && $2 > rss) { print "more Pss than Rss" }
				rss = $1 == "Rss:" ? $2 : rss
			}
			while ((getline <("/proc/" pid "/status")) > 0) { status[$1] = $2 }
			getline <("/proc/" pid "/statm")
			same("maps and VmSize", size, status["VmSize:"])
			same("Size and VmSize", sum["Size:"], status["VmSize:"])
			same("Rss and VmRSS", sum["Rss:"], status["VmRSS:"])
			same("parts of VmRSS", status["RssAnon:"] + status["RssFile:"] + status["RssShmem:"], status["VmRSS:"])
			same("kinds of Rss", sum["Shared_Clean:"] + sum["Shared_Dirty:"] + sum["Private_Clean:"] + sum["Private_Dirty:"], sum["Rss:"])
			same("statm", $1 * 4 " " $2 * 4 " " $3 * 4, status["VmSize:"] " " status["VmRSS:"] " " status["RssFile:"] + status["RssShmem:"])
			same("peaks", status["VmPeak:"] >= status["VmSize:"] && status["VmHWM:"] >= status["VmRSS:"], 1)
			print (bad ? "process " pid " does not add up" : "a process adds up"), (sum["AnonHugePages:"] ? "large" : "small")
		}'
}
round() {
	i=0
	while [ $i -lt $1 ]; do
		/bin/true; (exit 3); echo x | cat >/dev/null; i=$((i + 1))
	done
	/large | grep -c '^ok'
	dd if=/dev/zero of=/dev/null bs=60M count=2 2>/dev/null
	dd if=/dev/zero of=/tmp/f bs=1M count=20 2>/dev/null
	rm /tmp/f
}
meminfo
sleep 1000 &
until grep -q '(sleep) S' /proc/$!/stat; do :; done
process $!
process $$
kill $!
mkfifo /tmp/go
{ dd bs=30M if=/dev/zero count=1 2>/dev/null; } | { dd bs=1 count=1 2>/dev/null >/tmp/byte; cat /tmp/byte >/tmp/go; sleep 1000; } &
head -c 1 /tmp/go >/dev/null
process $(pidof dd)
meminfo
kill $(pidof dd) $(pidof sleep)
wait
round 20 >/dev/null
before=$(free_now)
round 250
meminfo
after=$(free_now)
[ $((before - after)) -lt 256 ] && echo even || echo "$before KiB free, then $after KiB"
END
boot 0 --timeout $((300 * slow)) --root "$scratch/root" -- 'sh /sums.sh 2>/dev/null'
output 'meminfo adds up
a process adds up small
a process adds up small
a process adds up large
meminfo adds up
10
meminfo adds up
even'
