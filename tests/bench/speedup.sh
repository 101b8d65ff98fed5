#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two processes that compute, on one and on two processors, in both modes, in turn: how many times as fast the second machine is. It says
# first what the host's own two processors give: where that is far from 2 the host has other work, and the rest tells nothing.
# Arguments: rounds in a machine (12), runs of each machine (3). BUILD: where vmctl is.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
musl-gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static -o "$root/speedup" tests/bench/speedup.c

"$root/speedup" "${1:-12}" | awk '{ printf "host: %s, %.2f times\n", $0, 2 * $2 / $4 }'
for _ in $(seq "${2:-3}"); do
	for mode in monolithic isolated; do
		for cpus in 1 2; do
			"$BUILD/vmctl" run --mode $mode --cpus $cpus --root "$root" -- "/speedup ${1:-12}" </dev/null | sed "s/^/$mode $cpus /"
		done
	done
done | awk '{ key = $1 " " $2; if (!(key in best) || $6 < best[key]) { best[key] = $6 } modes[$1] = 1 }
	END {
		for (m in modes) {
			one = best[m " 1"]; two = best[m " 2"]
			printf "%s: on one processor %.3f s, on two %.3f s: %.2f times\n", m, one, two, one / two
		}
	}'
