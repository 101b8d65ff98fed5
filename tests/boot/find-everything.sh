# SPDX-License-Identifier: MIT
# Whoever walks the whole tree comes to an end, /proc and /dev included, finds the threads of a process once, and the directories in memory that
# programs expect (hier(7)).
. tests/boot/assert.bash

boot 0 --timeout $((300 * slow)) -- 'find / >/tmp/all && grep -c "^/proc/2/task/2$" /tmp/all; grep -c task/.*/task /tmp/all
find /proc/[0-9]* /etc /bin -type f 2>/dev/null | xargs md5sum >/tmp/sums 2>/dev/null; grep -c " /proc/2/task/2/stat$" /tmp/sums
stat -c "%A %n" /tmp /run/lock /dev/shm'
output "1
0
1
drwxrwxrwt /tmp
drwxrwxrwt /run/lock
drwxrwxrwt /dev/shm"
