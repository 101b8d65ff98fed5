# SPDX-License-Identifier: MIT
# Damaged ELF files and scripts (tests/fuzz/elf.c), executed for some seconds on tmpfs and on the disk: judged as fuzz.sh judges.
# FUZZ_SECONDS, FUZZ_SEED, FUZZ_CPUS and FUZZ_MODE as there.
. tests/boot/assert.bash
. tests/boot/fuzz.bash

seconds=${FUZZ_SECONDS:-4} seed=${FUZZ_SEED:-1} cpus=${FUZZ_CPUS:-2} mode=${FUZZ_MODE:-${modes##* }}
make_root
mkdir -p "$scratch/root/fuzz"
cp "$BUILD/tests/fuzz/elf" "$BUILD/tests/fuzz/static-pie" "$scratch/root/" || fail "build it first: make fuzz-tests"
# A dynamic program of the host's, with what it loads.
cp /bin/true "$scratch/root/dynamic"
for library in $(ldd /bin/true | grep -o '/[^ ]*'); do
	mkdir -p "$scratch/root$(dirname "$library")"
	cp -L "$library" "$scratch/root$library"
done
fuzz <<'END'
round() { # DIRECTORY SECONDS SEED
	mkdir "$1/elf" && cd "$1/elf" || exit 1
	for i in 1 2; do
		mkdir $i
		(cd $i && /elf "$2" "$3$i" /elf /dynamic /static-pie >../said$i 2>&1 </dev/null || { echo "status $?"; cat ../said$i; }) &
	done
	wait
	cat said1 said2 | grep -c 'rounds from'
	cd / && rm -rf /tmp/* /fuzz/*
}
/dynamic && /static-pie || echo "a whole program does not run"
END
