# SPDX-License-Identifier: MIT
# A command that does not end is ended, with status 124.
. tests/boot/assert.bash

begin=$SECONDS
limit=$((slow > 1 ? 60 : 8))
boot 124 --timeout $limit -- 'echo before; sleep 100000'
output before
said "did not end within $limit s"
[ $((SECONDS - begin)) -lt 90 ] || fail "it took too long"
