# SPDX-License-Identifier: MIT
# findutils, grep, sed, mawk, tar, gzip, xz-utils and diffutils do the same in the guest as on Linux, case by case.
# long
. tests/packages/packages.bash

packages $shell_packages
same_as_linux 'bash /test/texts.bash'
grep -aq '^no case for' "$out" && fail "programs that are not tried: $(grep -a '^no case' "$out")"
[ "$(grep -ac '^== ' "$out")" -ge 35 ] || fail "only $(grep -ac '^== ' "$out") cases ran"
known_calls
