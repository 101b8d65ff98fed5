# SPDX-License-Identifier: MIT
# procps (ps, top, free, uptime, vmstat, pgrep, kill, ...) and util-linux's everyday programs, on processes of their own: as on Linux.
# limit: 240
# long
. tests/packages/packages.bash

packages $shell_packages
same_as_linux 'bash /test/processes.bash'
grep -a ': no$' "$out" && fail "a condition does not hold"
known_calls shmget sched_getattr # pmap asks what is attached; chrt asks the older way then
