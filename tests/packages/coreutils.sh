# SPDX-License-Identifier: MIT
# Every program of Debian's coreutils does the same in the guest as on Linux, case by case.
# long
. tests/packages/packages.bash

packages $shell_packages
same_as_linux 'bash /test/coreutils.bash'
grep -aq '^no case for' "$out" && fail "coreutils has programs that are not tried: $(grep -a '^no case' "$out")"
[ "$(grep -ac '^== ' "$out")" -ge 110 ] || fail "only $(grep -ac '^== ' "$out") cases ran"
known_calls inotify_init # tail -f polls without
