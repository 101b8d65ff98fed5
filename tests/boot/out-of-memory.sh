# SPDX-License-Identifier: MIT
# not on bochs: eleven minutes there, and it is about memory, not the machine
# No memory left: the largest process is ended, whoever asked last, the user is told on the console, and the shell goes on. Files in
# memory come to their end before that, at the size that df shows, or that their file system was given. Whoever is ended while a signal's
# frame is made has been killed, too. What is kept in pipes, sockets, page tables and stacks counts as its process's.
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

# oom_score_adj: who offers itself is ended first, however small it is; who shall be last, is not ended before others.
boot 0 --memory 256M -- 'sh -c "echo 1000 >/proc/self/oom_score_adj; exec sleep 1000" & sleep 0.1
until [ "$(cat /proc/$!/oom_score_adj)" = 1000 ]; do sleep 0.1; done
dd if=/dev/zero of=/dev/null bs=400M count=1 2>/dev/null; echo "status $?"; wait
sh -c "echo -1000 >/proc/self/oom_score_adj; exec dd if=/dev/zero bs=140M count=1 2>/dev/null" | { dd bs=1 count=1 of=/tmp/held 2>/dev/null; sleep 1000; } &
until [ -s /tmp/held ]; do sleep 0.1; done
dd if=/dev/zero of=/dev/null bs=130M count=2 2>/dev/null; echo "status $?"'
sed -i -e 's/\[[0-9]*\], which holds .*/[N]/' -e '/^Killed$/d' "$out"
output 'out of memory: killed sleep[N]
out of memory: killed dd[N]
status 137
out of memory: killed dd[N]
status 137'

make_root
mkdir "$scratch/root/small"
cp "$BUILD/tests/guest/frame_hog" "$scratch/root/" || fail "build the guest tests first: make guest-tests"
boot 0 --memory 64M --root "$scratch/root" -- 'cat /frame_hog >/dev/null
for i in 1 2 3; do /frame_hog now 2>/dev/null; echo "status $?"; done
mount -t tmpfs -o size=64k,nr_inodes=3,mode=750 none /small && stat -c %a /small
dd if=/dev/zero of=/small/a bs=4k count=20 2>&1 | grep -o "No space left on device"; df -k /small | awk "END { print \$2, \$4 }"
truncate -s 0 /small/a; fallocate -l 68k /small/a 2>&1 | grep -o "No space left on device"; stat -c %s /small/a; df -k /small | awk "END { print \$4 }"
fallocate -l 48k /small/a; stat -c %s /small/a; df -k /small | awk "END { print \$4 }"; dd if=/dev/zero of=/small/a bs=4k count=20 2>/dev/null
touch /small/b; touch /small/c 2>/dev/null || echo no more names
mount -o remount,size=8k /small 2>/dev/null || echo it holds more
mount -o remount,size=128k,nr_inodes=0 /small; dd if=/dev/zero of=/small/c bs=4k count=12 2>/dev/null && stat -c %s /small/a /small/c
grep -o "/small tmpfs .*size=128k" /proc/mounts; umount /small; ls /small'
sed -i -e 's/\[[0-9]*\], which holds .*/[N]/' -e '/^Killed$/d' -e '/^\/bin\/sh: .*/d' "$out"
output 'out of memory: killed frame_hog[N]
status 137
out of memory: killed frame_hog[N]
status 137
out of memory: killed frame_hog[N]
status 137
750
No space left on device
64 0
No space left on device
0
64
49152
16
no more names
it holds more
65536
49152
/small tmpfs rw,size=128k'

# What the kernel keeps for a process is the process's, too: whoever has little besides goes on. Threads there may be only so many.
cp "$BUILD/tests/guest/kernel_hog" "$scratch/root/"
boot 0 --memory 64M --root "$scratch/root" -- 'mkfifo /tmp/fifo; cat /kernel_hog >/dev/null
for kind in pipes sockets tables shared sets threads files areas; do
	awk "BEGIN { s = sprintf(\"%3000000s\", \"x\"); print \"ready\"; fflush(); getline < \"/tmp/fifo\"; print length(s) }" >/tmp/awk &
	until [ -s /tmp/awk ]; do sleep 0.1; done
	/kernel_hog $kind 2>/dev/null; echo "$kind $?"; echo >/tmp/fifo; wait; tail -n 1 /tmp/awk; rm /tmp/awk
done'
sed -i -e 's/\[[0-9]*\], which holds [45][0-9] MiB of .*/[N]/' -e '/^Killed$/d' "$out"
output 'out of memory: killed kernel_hog[N]
pipes 137
3000000
out of memory: killed kernel_hog[N]
sockets 137
3000000
out of memory: killed kernel_hog[N]
tables 137
3000000
out of memory: killed kernel_hog[N]
shared 137
3000000
out of memory: killed kernel_hog[N]
sets 137
3000000
threads 1
3000000
files 1
3000000
areas 1
3000000'

# A fork bomb is ended as a whole, for what it takes by being many, and nobody else is.
boot 0 --memory 64M --cpus 2 --root "$scratch/root" -- 'mkfifo /tmp/fifo; exec 5<>/tmp/fifo
awk "BEGIN { s = sprintf(\"%5000000s\", \"x\"); getline < \"/tmp/fifo\"; print length(s) }" &
/kernel_hog processes &
until dmesg | grep -q "out of memory: killed kernel_hog.* and [0-9]* more of its kind, which holds"; do read -t 1 x <&5; done 2>/dev/null
until [ $(ps | wc -l) -lt 20 ]; do read -t 1 x <&5; done 2>/dev/null; echo >/tmp/fifo; wait; echo over'
sed -i -e '/^out of memory: killed kernel_hog.* more of its kind/d' -e '/^Killed$/d' "$out"
output '5000000
over'
