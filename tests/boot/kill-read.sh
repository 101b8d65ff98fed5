# SPDX-License-Identifier: MIT
# A 64 MiB file is read, by a guest that can't keep it in memory, while the disk's domain is killed again and again: the checksum is
# right and no program sees an error. The goal is a median recovery of less than 50 ms. Times depend on the host and what else it does, so they are
# printed, and what is judged is what a recovery takes where time runs by instructions, one a nanosecond (--icount).
. tests/boot/assert.bash

make_root
head -c 67108864 /dev/urandom >"$scratch/root/big"
sum=$(md5sum <"$scratch/root/big" | cut -d' ' -f1)
kill_often 5 kill-read-$$
boot 0 --name kill-read-$$ --root "$scratch/root" --memory 64M --stats "$scratch/stats" -- "$until_epoch; md5sum /big; md5sum /big; md5sum /big; until_epoch 6"
output "$sum  /big
$sum  /big
$sum  /big"
killed 5
# Its phases, cut to microseconds, make up the whole time.
grep '"cause": "kill"' "$scratch/stats" | tr -d '",{}' | awk '{
	sum = 0
	for (i = 1; i < NF; i++) {
		if ($i == "total_us:") { total = $(i + 1) } else if ($i ~ /_us:$/) { sum += $(i + 1); parts++ }
	}
	if (sum > total || sum < total - 6) { print "parts of " sum " us, in all " total " us"; wrong = 1 }
} END { exit wrong || parts != NR * 6 }' || fail "the parts of a recovery are not the whole of it"
median=$(grep -o '"total_us": [0-9]*' "$scratch/stats" | cut -d' ' -f2 | sort -n | sed -n 3p)
echo "the median recovery took $median us, goal 50000 us"
[ $disk = ahci ] || exit 0 # Bochs counts time in another way
kill_often 5 kill-read-$$
boot 0 --name kill-read-$$ --icount --stats "$scratch/stats" -- "$until_epoch; until_epoch 6"
killed 5
# From the kill until the new domain runs: replay waits for the disk, which takes the host's time.
median=$(sed -nE 's/.*"cause": "kill".*"replay_us": ([0-9]+).*"total_us": ([0-9]+).*/\1 \2/p' "$scratch/stats" | awk '{ print $2 - $1 }' | sort -n | sed -n 3p)
echo "the median rebuilt domain took $median thousand instructions"
[ "$median" -gt 100 ] && [ "$median" -lt 3000 ] || fail "the median rebuilt domain took $median thousand instructions"
