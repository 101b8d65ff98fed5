# SPDX-License-Identifier: MIT
#
# What the tests of servers share: a machine that runs in the background with a server in it, and this machine's programs that talk to it. Clients that
# this machine need not have are taken from the guest's root, in the chroot that on_linux makes: its network is this machine's.
. tests/packages/packages.bash

serving= # vmctl's process

# serve [vmctl run's arguments]: a machine, by the name of this test, which goes on in the background; its output is in $out and $err.
serve() {
	"$vmctl" run --verbose --name "serve-$$" "$@" >"$out" 2>"$err" &
	serving=$!
}

# until_true SECONDS COMMAND...: try until it succeeds; it fails where that does not come, or the machine ends.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] && kill -0 $serving 2>/dev/null || return 1
		sleep 0.3
	done
}

# served_end STATUS: the machine ends by itself within two minutes, with that status.
served_end() {
	local got
	for _ in $(seq 400); do
		kill -0 $serving 2>/dev/null || break
		sleep 0.3
	done
	kill -0 $serving 2>/dev/null && { served_stop; fail "the machine does not end"; }
	wait $serving
	got=$?
	serving=
	[ $got -eq "$1" ] || fail "the machine's status is $got instead of $1"
}

# served_stop: end it from outside.
served_stop() {
	kill $serving 2>/dev/null
	wait $serving
	serving=
}
trap '[ -z "$serving" ] || served_stop' EXIT
