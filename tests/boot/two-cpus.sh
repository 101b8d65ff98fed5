# SPDX-License-Identifier: MIT
# Two processors, the guest on both, in both modes.
. tests/boot/assert.bash

for mode in isolated monolithic; do
	boot 0 --mode $mode --cpus 2 -- 'grep -c ^processor /proc/cpuinfo; for i in 1 2 3 4; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i) & done; wait'
	output '2
20000
20000
20000
20000'
done
