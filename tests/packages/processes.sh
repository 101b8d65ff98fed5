# SPDX-License-Identifier: MIT
# procps (ps, top, free, uptime, vmstat, pgrep, kill, ...) and util-linux's everyday programs, on processes of their own: as on Linux.
# long
. tests/packages/packages.bash

packages $shell_packages
same_as_linux 'bash /test/processes.bash'
grep -a ': no$' "$out" && fail "a condition does not hold"
known_calls shmget sched_getattr # pmap asks what is attached; chrt asks the older way then

# What they read in /sys, which need not be there on Linux's side.
in_guest 0 'lscpu -p=cpu,core,socket | grep -v "^#"; lsblk -n -d -r -o NAME,RO,TYPE,MOUNTPOINT /dev/vda' --cpus 2
output "0,0,0
1,1,0
vda 0 disk /"
