# SPDX-License-Identifier: MIT
# Runs the programs of a directory, on Linux and in the guest: sh run.sh PROGRAMS WHERE NAME... prints "PROGRAM case" lines. WHERE has to be empty.
programs=$1
where=$2
shift 2
for name; do
	mkdir -p "$where/$name"
	cd "$where/$name" || exit 1
	"$programs/$name" </dev/null 2>&1 | sed "s/^/$name /"
done
