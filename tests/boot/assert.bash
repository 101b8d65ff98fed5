# SPDX-License-Identifier: MIT
#
# What the boot tests share. A test runs with $BUILD (where vmctl is) and $scratch (an empty directory, removed afterwards) set, and
# fails by `fail`. Every check looks at a result: a status, bytes of output, a disk image after the machine is off.
set -u

# What plays the machines: QEMU, or Bochs where $VMCTL_MACHINE says so (ci/run-tests --bochs). A line "# not on bochs: WHY" keeps a test from it.
#   $disk    the domain that has the disk, so that it can be killed
#   $modes   of vmctl run, the first is the default
#   $slow    how many times as long as on QEMU things may take
case ${VMCTL_MACHINE:-qemu} in
bochs*) disk=ramdisk modes=isolated slow=10 ;;
*) disk=ahci modes="isolated monolithic" slow=1 ;;
esac

vmctl=$BUILD/vmctl
out=$scratch/out err=$scratch/err

fail() {
	echo "FAILED: $*"
	[ -s "$out" ] && { echo "--- stdout:"; tail -c 2000 "$out"; }
	[ -s "$err" ] && { echo "--- stderr:"; tail -n 40 "$err"; }
	exit 1
}

# boot STATUS [vmctl run's arguments]: the machine's output lands in $out and $err, its status has to be STATUS.
boot() {
	local want=$1 got
	shift
	"$vmctl" run --verbose "$@" >"$out" 2>"$err"
	got=$?
	[ "$got" -eq "$want" ] || fail "vmctl run $*: status $got instead of $want"
}

# output TEXT: stdout is exactly this and a newline.
output() {
	[ "$(cat "$out"; echo .)" = "$1
." ] || fail "the output is not \"$1\""
}

# said TEXT: stderr has a line of vmctl's own with this text in it.
said() {
	grep -q "^vmctl: .*$1" "$err" || fail "vmctl did not say \"$1\""
}

# fetch_until SUM URL: until what comes has the sum of md5sum, or 300 tries are over; the last one's is in $scratch/got.
fetch_until() {
	local got tries
	for ((tries = 0; tries < 300; tries++)); do
		got=$(busybox wget -q -O - "$2" 2>/dev/null | md5sum)
		[ "$got" != "$1" ] || break
		sleep 0.1
	done
	echo "$got" >"$scratch/got"
}

# port_choose [COUNT]: so many ports of this machine in a row that nobody has, TCP's nor UDP's, the first into $port. They are this test's until it ends:
# another one, also of another tree, chooses others.
port_choose() {
	local next count=${1:-1} lock
	port=$((20000 + RANDOM % 10000))
	for ((next = port; next < port + count; next++)); do
		mkdir -p -m 1777 /tmp/bulkhead-ports 2>/dev/null
		if grep -qs "^ *[0-9]*: [0-9A-F]*:$(printf %04X $next) " /proc/net/{tcp,tcp6,udp,udp6} ||
			! { exec {lock}>"/tmp/bulkhead-ports/$(id -u)-$next" && flock -n $lock; }; then
			port=$((next + 1))
		fi
	done
}

# For scripts of a guest: free_now says how many KiB are free when caches have let go of what they need not keep.
free_now='free_now() { sync; echo 1 >/proc/sys/vm/drop_caches; sed -n "s/^MemFree: *\([0-9]*\).*/\1/p" /proc/meminfo; }'

# kill_often COUNT NAME [DOMAIN [PAUSE]]: in the background, for the machine of this name that is started next: the disk's domain, or another one, is
# killed so many times, each time PAUSE (a fifth of a second; `random`: up to half a second) after it was back. It never dies while it is dead, however
# slow the host is; the guest, or what is done with it, has to go on until all have come.
kill_often() {
	rm -f "$err"
	(
		for _ in $(seq 6000); do
			grep -qs '^@ started' "$err" && break
			sleep 0.1
		done
		for _ in $(seq "$1"); do
			pause=${4:-0.2}
			[ "$pause" != random ] || pause=0.$(printf %03d $((RANDOM % 500)))
			sleep "$pause"
			"$vmctl" kill "${3:-$disk}" --machine "$2" || break
		done
	) >"$scratch/kills" 2>&1 &
	killer=$!
}

# killed COUNT: so many times the killer's victim was back in the machine that has ended, by $scratch/stats.
killed() {
	wait $killer
	[ "$(grep -c '"cause": "kill"' "$scratch/stats")" -eq "$1" ] || fail "not $1 recoveries: $(cat "$scratch/kills")"
}

# For scripts of a guest: until_epoch N reads from the disk until its domain has come back to its N-th life, and once more; has_epoch N: it has. A read
# that fails is said.
until_epoch='read_disk() { dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null || echo "not ok: error of a read"; }
has_epoch() { dmesg | grep -q "epoch $1:"; }
until_epoch() { until has_epoch $1; do read_disk; done; read_disk; sleep 0.1; }'

# Tests that compare a guest with this host's Linux leave IPv6 out where it has not even ::1.
host_has_ipv6() {
	grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null
}

# make_root: a directory for --root, with what the caller then puts in.
make_root() {
	mkdir -p "$scratch/root"
}

# make_image DIR: an image of it in $scratch/image
make_image() {
	"$vmctl" image --force "$1" -o "$scratch/image" || fail "vmctl image $1"
}

# kept_root DIR: into $kept the options for a root with DIR in it that is $scratch/image, and as the guest left it when the machine is off.
# A RAM disk is gone by then: `clean` says nothing of it, and only the guest can judge what was written.
kept_root() {
	kept=(--root "$1")
	if [ $disk = ahci ]; then
		make_image "$1"
		kept=(--root "$scratch/image" --write)
	fi
}

# clean IMAGE: e2fsck finds nothing to complain about.
clean() {
	[ -e "$1" ] || [ $disk = ahci ] || return 0
	e2fsck -fn "$1" >"$scratch/e2fsck" 2>&1 || {
		cat "$scratch/e2fsck"
		fail "e2fsck complains about $1"
	}
}

# file_md5 IMAGE PATH: of a file inside an image, as e2fsprogs reads it.
file_md5() {
	debugfs -R "cat $2" "$1" 2>/dev/null | md5sum | cut -d' ' -f1
}

# number KEY FILE: the first number with this key in a JSON file.
number() {
	sed -nE "s/.*\"$1\": (-?[0-9.e+]+).*/\1/p" "$2" | head -n 1
}

# less A B: A < B as decimal fractions.
less() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'
}
