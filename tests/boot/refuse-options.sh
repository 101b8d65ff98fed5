# SPDX-License-Identifier: MIT
# Wrong command lines: one sentence, status 119, nothing boots.
. tests/boot/assert.bash

refuse() {
	"$vmctl" "$@" >"$out" 2>"$err" </dev/null
	[ $? -eq 119 ] || fail "vmctl $*: not status 119"
	[ "$(wc -l <"$err")" -eq 1 ] || fail "vmctl $*: not one sentence"
}
refuse run --cpus 0 -- true
refuse run --bogus -- true
refuse run
refuse run --mode monolithic --kill ahci@1 -- true
refuse run --kill nobody@1 -- true
refuse run --mode monolithic --firmware bios -- true
refuse run --write -- true
refuse kill ahci --machine no-such-machine
refuse frobnicate
"$vmctl" run --root /no/such/dir -- true >"$out" 2>"$err"
[ $? -eq 122 ] || fail "a missing root: not status 122"
said 'not a directory'
