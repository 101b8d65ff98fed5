# SPDX-License-Identifier: MIT
# Kills at moments that differ from run to run, while programs read and write; the moments are printed, so a failure can be repeated.
# limit: 300
. tests/boot/assert.bash

make_root
head -c $((8000000 / slow)) /dev/urandom >"$scratch/root/data"
sum=$(md5sum <"$scratch/root/data" | cut -d' ' -f1)
for round in 1 2; do
	kept_root "$scratch/root"
	kills=()
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		kills+=(--kill "$disk@$((RANDOM % 4)).$(printf %03d $((RANDOM % 1000)))")
	done
	echo "round $round: ${kills[*]}"
	boot 0 "${kept[@]}" "${kills[@]}" \
		-- '(for i in 1 2 3; do cp /data /a$i; done) & (for i in 1 2 3; do md5sum /data; done) & wait
			sync; sleep 2; md5sum /a1 /a2 /a3 | cut -c1-32 | uniq'
	[ "$(sort -u "$out" | cut -c1-32 | uniq)" = "$sum" ] || fail "a checksum is wrong"
	clean "$scratch/image"
done
