# SPDX-License-Identifier: MIT
#
# What the tests of Debian's packages share: a root of packages, made once and then taken from the cache, scripts of tests/packages/guest
# in its /test, and Linux's answer to the same: this machine's kernel, with the same programs in a chroot of its own.
. tests/boot/assert.bash

shell_packages=bash,coreutils,findutils,diffutils,grep,sed,mawk,tar,gzip,xz-utils,procps,util-linux,less,vim-tiny
language_packages=bash,coreutils,findutils,grep,sed,gcc,libc6-dev,tcc,make,perl,lua5.4,git,sqlite3,python3,redis-server,stress-ng

# packages LIST [vmctl image's options]: the root of the guest and of Linux. The scripts are in both; $scratch/root is laid over it.
packages() {
	local list=$1
	shift
	make_root
	mkdir -p "$scratch/root/test"
	cp tests/packages/guest/* "$scratch/root/test"
	"$vmctl" image --force --packages "$list" "$@" "$scratch/root" -o "$scratch/image" 2>"$err" || fail "vmctl image --packages $list"
}

# in_guest STATUS COMMAND [vmctl run's options]: into $out
in_guest() {
	local want=$1 command=$2
	shift 2
	boot "$want" --root "$scratch/image" "$@" -- "$command"
}

# The environment that the guest kernel gives its first program.
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100 USER=root LOGNAME=root SHELL=/bin/sh)

# on_linux COMMAND: into $scratch/linux.out, its status is the command's. Needs root, or user namespaces.
on_linux() {
	local tree=$scratch/linux user=()
	if [ ! -d "$tree" ]; then
		mkdir "$tree"
		debugfs -R "rdump / $tree" "$scratch/image" >"$scratch/rdump" 2>&1
		chmod 1777 "$tree/tmp" "$tree/var/tmp"
		chmod u+s "$tree/bin/su" "$tree/bin/mount" 2>/dev/null # debugfs writes no set-uid bits
	fi
	[ "$(id -u)" = 0 ] || user=(-r)
	unshare "${user[@]}" -m -u -i -p -f bash -c '
		mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --rbind /sys "$0/sys" || exit 125
		mount -t tmpfs tmpfs "$0/tmp" && mount -t tmpfs tmpfs "$0/run" || exit 125
		hostname bulkhead
		umask 022
		ulimit -Sn 1024 && ulimit -Hn 4096
		tree=$0
		command=$1
		shift
		exec env -i "$@" /usr/sbin/chroot "$tree" /bin/sh -c "$command"' "$tree" "$1" "${environment[@]}" \
		</dev/null >"$scratch/linux.out" 2>"$scratch/linux.err"
}

# same_as_linux COMMAND [vmctl run's options]: what it prints into a pipe, on both outputs, and its status are Linux's.
same_as_linux() {
	local command="{ ($1) 2>&1; echo status \$?; } | cat" status
	shift
	on_linux "$command"
	status=$?
	[ "$status" -ne 125 ] || fail "this machine gives no chroot to ask Linux in: $(cat "$scratch/linux.err")"
	in_guest $status "$command" "$@"
	# The shell names processes that died by their numbers.
	sed -i -E 's/( line [0-9]+: +)[0-9]+ /\1PID /' "$scratch/linux.out" "$out"
	diff -a "$scratch/linux.out" "$out" >"$scratch/diff" || {
		head -n 60 "$scratch/diff"
		fail "\"$command\" answers otherwise than on Linux (<)"
	}
}

# six_choose: $six is for the guest's scripts: "six", or empty where Linux has no IPv6 to compare with
six_choose() {
	six=six
	host_has_ipv6 || { six=; echo "left out: IPv6, for this host has no ::1"; }
}

# known_calls: nothing asked for a system call that is not there, but for those named: it would be in the kernel's log.
known_calls() {
	local calls
	calls=$(sed -n 's/.*unimplemented system call [0-9]* (\([a-z0-9_]*\)).*/\1/p' "$err" | sort -u | grep -vxF "$(printf '%s\n' "$@")" | tr '\n' ' ')
	[ -z "$calls" ] || fail "system calls that are not there: $calls"
}
