# SPDX-License-Identifier: MIT
# Processes leave nothing behind: after hundreds of fork, exec and exit, pipes, subshells and killed children the free memory is what
# it was, but for a few pages that caches may have grown by.
. tests/boot/assert.bash

make_root
{ echo "$free_now"; cat; } >"$scratch/root/turn.sh" <<'END'
round() {
	i=0
	while [ $i -lt $1 ]; do
		/bin/true; (exit 3); echo x | cat >/dev/null; : >/tmp/f; rm /tmp/f
		sleep 9 & kill -9 $!; wait $!; i=$((i + 1))
	done 2>/dev/null
}
round 50
before=$(free_now)
round 200
after=$(free_now)
[ $((before - after)) -lt 256 ] && echo even || echo "$before KiB, then $after KiB"
END
boot 0 --mode ${modes##* } --timeout $((300 * slow)) --root "$scratch/root" -- sh /turn.sh
output even
