# SPDX-License-Identifier: MIT
# Root images: what a directory holds is in them unchanged, busybox is put in where there is no shell, and e2fsck is content. Boots nothing.
# not on bochs: it boots nothing
. tests/boot/assert.bash

mkdir -p "$scratch/a/etc" "$scratch/a/deep/er" "$scratch/b/bin"
head -c 3000000 /dev/urandom >"$scratch/a/deep/er/data"
echo name >"$scratch/a/etc/hostname"
ln -s er "$scratch/a/deep/link"
make_image "$scratch/a"
clean "$scratch/image"
[ "$(file_md5 "$scratch/image" /deep/er/data)" = "$(md5sum <"$scratch/a/deep/er/data" | cut -d' ' -f1)" ] || fail "a file differs"
[ "$(file_md5 "$scratch/image" /bin/busybox)" = "$(md5sum </bin/busybox | cut -d' ' -f1)" ] || fail "busybox differs"
[ "$(debugfs -R 'cat /etc/hostname' "$scratch/image" 2>/dev/null)" = name ] || fail "the directory's own /etc/hostname was replaced"
debugfs -R 'stat /bin/sh' "$scratch/image" 2>/dev/null | grep -q '/bin/busybox' || fail "/bin/sh is no link to busybox"
debugfs -R 'stat /usr/bin/awk' "$scratch/image" 2>/dev/null | grep -q '/bin/busybox' || fail "/usr/bin/awk is no link to busybox"
debugfs -R 'stat /proc' "$scratch/image" 2>/dev/null | grep -q 'Type: directory' || fail "there is no /proc to mount on"
[ "$(dumpe2fs -h "$scratch/image" 2>/dev/null | sed -n 's/^Free blocks: *//p')" -ge 16384 ] || fail "less than 64 MiB are free"

debugfs -R 'cat /etc/group' "$scratch/image" 2>/dev/null | grep -q ^root: || fail "busybox has no /etc/group"

# A directory with a shell of its own is taken as it is.
cp /bin/busybox "$scratch/b/bin/sh"
make_image "$scratch/b"
clean "$scratch/image"
debugfs -R 'ls -p /bin' "$scratch/image" 2>/dev/null | grep -q /busybox/ && fail "busybox was added beside a shell"

debugfs -R 'stat /proc' "$scratch/image" 2>/dev/null | grep -q 'Type: directory' || fail "there is no /proc beside a shell"
debugfs -R 'stat /tmp' "$scratch/image" 2>/dev/null | grep -q 'Mode: *01777' || fail "/tmp is not everyone's"

# The default: busybox and a few files around it.
"$vmctl" image --force -o "$scratch/image" || fail "vmctl image"
clean "$scratch/image"
debugfs -R 'cat /etc/passwd' "$scratch/image" 2>/dev/null | grep -q ^root: || fail "no /etc/passwd"
exit 0
