# SPDX-License-Identifier: MIT
# stress-ng's cpu, vm, pipe, fork, futex, mmap and file stressors with their checks: a minute each on two processors, less on one and on four.
# limit: 1500
# long
. tests/packages/packages.bash

packages $language_packages
# stressed SECONDS CPUS MEMORY LIMIT
stressed() {
	in_guest 0 "bash /test/stress.bash $1" --cpus "$2" --memory "$3" --timeout "$4"
	! grep -qE 'panic|lock watch' "$err" || fail "the kernel complained: $(grep -E -A 20 'panic|lock watch' "$err")"
}
stressed 60 2 1G 700
stressed 20 1 768M 300
stressed 20 4 1G 400
