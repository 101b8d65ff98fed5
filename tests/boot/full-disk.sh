# SPDX-License-Identifier: MIT
# A full disk is an error of whoever asks for more and of nobody else: what is there stays readable, removing makes room, and e2fsck
# finds nothing. The same for files in memory, which get half of it.
# not on bochs: it needs a disk of some size
. tests/boot/assert.bash

make_root
cat >"$scratch/root/fill.sh" <<'END'
mkdir /f && cp /bin/busybox /f/keep && fallocate -l 1048576 /f/reserved || exit 1
i=0
while dd if=/dev/zero of=/f/a$i bs=64k count=64 2>/tmp/why; do i=$((i + 1)); done
grep -o 'No space left on device' /tmp/why
mkdir /f/d 2>&1 | grep -o 'No space left on device'
{ echo hello; } 2>&1 >/f/small | grep -o 'No space left on device'
ln -s "$(seq -s / 40)" /f/link 2>&1 | grep -o 'No space left on device'
n=0
while touch /f/a-name-of-some-length-so-that-the-directory-grows-$n 2>/tmp/why; do n=$((n + 1)); done
[ $n -lt 5000 ] && grep -o 'No space left on device' /tmp/why
for i in 1 3 5 7 9 11 13; do dd if=/bin/busybox of=/f/reserved bs=4k count=1 seek=$i conv=notrunc 2>/dev/null; done
[ $(stat -c %b /f/reserved) -ge 2048 ] && echo reserved
mv /f/keep /f/moved && cmp /bin/busybox /f/moved && echo moved
dd if=/dev/zero of=/f/moved bs=4k seek=5000 count=1 conv=notrunc 2>&1 | grep -o 'No space left on device'
rm /f/a0 && echo more >/f/more && cat /f/more
dd if=/dev/zero of=/tmp/all bs=1M count=400 2>&1 | grep -o 'No space left on device'
cat /f/more /bin/busybox | wc -c >/dev/null && rm /tmp/all && echo enough
END
kept_root "$scratch/root"
boot 0 "${kept[@]}" -- sh /fill.sh
full="No space left on device"
output "$full
$full
$full
$full
$full
reserved
moved
$full
more
$full
enough"
clean "$scratch/image"
