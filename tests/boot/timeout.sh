# SPDX-License-Identifier: MIT
# A command that does not end is ended, with status 124.
. tests/boot/assert.bash

# On a busy host the shorter limit may be over before the command has said anything.
for limit in $((slow > 1 ? 60 : 8)) 60 300; do
	begin=$SECONDS
	boot 124 --timeout $limit -- 'echo before; sleep 100000'
	took=$((SECONDS - begin))
	[ ! -s "$out" ] || break
done
output before
said "did not end within $limit s"
[ $took -lt $((limit + 30)) ] || fail "it took $took s"
