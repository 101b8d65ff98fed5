#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Look-ups by two vCPUs against one's (lookup.c), on the bare machine and on the hypervisor. It says first what the host's own Linux gives:
# where `compute` is far from 2 the host has other work, and the rest tells little.
# Arguments: rounds (10). BUILD: where vmctl is.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
musl-gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-unused-parameter -static -o "$root/lookup" tests/bench/lookup.c
"$root/lookup" "${1:-10}" | sed 's/^/host /'
rm -rf /tmp/lookup
for mode in monolithic isolated; do
	"$BUILD/vmctl" run --mode $mode --cpus 2 --root "$root" -- "/lookup ${1:-10}" </dev/null | sed "s/^/$mode /"
done
