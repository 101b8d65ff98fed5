# SPDX-License-Identifier: MIT
# Runs the programs of a directory, on Linux and in the guest: sh run.sh LEFT_OUT PROGRAMS WHERE NAME... prints "PROGRAM case" lines. WHERE has to be
# empty. LEFT_OUT: what the host has not, so that neither is asked for it (calls_with).
export LEFT_OUT="$1"
programs=$2
where=$3
shift 3
for name; do
	mkdir -p "$where/$name"
	cd "$where/$name" || exit 1
	"$programs/$name" </dev/null 2>&1 | sed "s/^/$name /"
done
