# SPDX-License-Identifier: MIT
# stress-ng's cpu, vm, pipe, fork, futex, mmap and file stressors with their checks: a minute each on two processors, less on one and on four.
# limit: 1500
# long
. tests/packages/packages.bash

packages $language_packages
in_guest 0 'bash /test/stress.bash 60' --cpus 2 --memory 1G --timeout 700
in_guest 0 'bash /test/stress.bash 20' --cpus 1 --memory 768M --timeout 300
in_guest 0 'bash /test/stress.bash 20' --cpus 4 --memory 1G --timeout 400
grep -qE 'panic|lock watch' "$err" && fail "the kernel complained: $(cat "$err")"
