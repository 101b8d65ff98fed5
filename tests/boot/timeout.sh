# SPDX-License-Identifier: MIT
# A command that does not end is ended, with status 124.
. tests/boot/assert.bash

begin=$SECONDS
boot 124 --timeout 8 -- 'echo before; sleep 1000'
output before
said 'did not end within 8 s'
[ $((SECONDS - begin)) -lt 90 ] || fail "it took too long"
