# SPDX-License-Identifier: MIT
# The command's exit status is vmctl's own.
. tests/boot/assert.bash

for status in 0 1 3 117 255; do
	boot $status -- exit $status
done
boot 127 -- no-such-command
boot 143 -- 'kill -TERM $$'
