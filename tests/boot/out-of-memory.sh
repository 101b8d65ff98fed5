# SPDX-License-Identifier: MIT
# No memory left: the largest process is ended, whoever asked last, the user is told on the console, and the shell goes on. Files in
# memory come to their end before that, at the size that df shows.
. tests/boot/assert.bash

boot 0 --memory 256M -- 'dd if=/dev/zero of=/dev/null bs=400M count=1 2>/dev/null; echo "status $?"
awk "BEGIN { s = \"x\"; while (1) s = s s }" 2>/dev/null; echo "status $?"
dd if=/dev/zero bs=140M count=1 2>/dev/null | { dd bs=1 count=1 of=/tmp/held 2>/dev/null; sleep 1000; } &
until [ -s /tmp/held ]; do sleep 0.1; done
dd if=/dev/zero of=/dev/null bs=130M count=2 2>/dev/null; echo "status $?"
size() { df -k /tmp | awk "END { print \$$1 }"; }
all=$(size 2) before=$(size 3)
dd if=/dev/zero of=/tmp/fill bs=1M count=400 2>&1 | grep -o "No space left on device"
[ $(size 3) -eq $(($(stat -c %b /tmp/fill) / 2 + before)) ] && [ $(size 4) -eq 0 ] && [ $(size 3) -eq $all ] && echo full
df -k /run | awk "END { print \$3 }"
rm /tmp/fill; [ $(size 3) -eq $before ] && echo empty; dmesg | grep -c "out of memory: killed .*, which holds"'
sed -i -e 's/\[[0-9]*\], which holds .*/[N]/' -e '/^Killed$/d' "$out"
output 'out of memory: killed dd[N]
status 137
out of memory: killed awk[N]
status 137
out of memory: killed dd[N]
status 0
No space left on device
full
0
empty
3'
