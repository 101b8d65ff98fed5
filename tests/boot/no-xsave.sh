# SPDX-License-Identifier: MIT
# A processor without XSAVE: floating point of two threads that take turns keeps apart, across two guests on one processor, too.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

boot 0 --cpu-flags -xsave -- 'awk "BEGIN{x=1;for(i=0;i<200000;i++){x=x*1.5;if(x>1e9)x/=1e9}; printf \"%.6f\n\",x}" >/tmp/a &
awk "BEGIN{x=1;for(i=0;i<200000;i++){x=x*1.25;if(x>1e9)x/=1e9}; printf \"%.6f\n\",x}" >/tmp/b; wait; cat /tmp/a /tmp/b; find / -xdev | grep -c .>/dev/null'
awk 'BEGIN{for(f=1.5;f>1;f-=.25){x=1;for(i=0;i<200000;i++){x=x*f;if(x>1e9)x/=1e9}; printf "%.6f\n",x}}' >"$scratch/want"
cmp "$scratch/want" "$out" || fail "other figures than the host's"
