# SPDX-License-Identifier: MIT
# Wrong command lines: one sentence, status 119, nothing boots.
# not on bochs: it boots nothing
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
refuse run --memory 17G -- true
refuse run --name 'a b' -- true
refuse run -- ''
refuse run --publish 1080:80 --publish 1080:81 -- true
refuse run --ip 10.0.2.20/24 -- true
refuse run --net-device e1000 -- true
refuse run --mac 52:54:00:00:00:07 -- true
refuse run --net user --mac 53:54:00:00:00:07 -- true
for address in 1.2.3.4.5 nonsense 10.0.2.20 10.0.2.20/33 10.0.2.20/24,10.0.2.2 10.0.2.20::10.0.2.2:255.255.255.0::eth0:off 10.0.2.20/24,dns=x '' 1.2.3.4/; do
	refuse run --net user --ip "$address" -- true
done
refuse kill ahci --machine no-such-machine
refuse frobnicate
"$vmctl" run --root /no/such/dir -- true >"$out" 2>"$err"
[ $? -eq 122 ] || fail "a missing root: not status 122"
said '/no/such/dir.*No such file'
"$vmctl" run --root /etc/passwd -- true >"$out" 2>"$err"
[ $? -eq 122 ] || fail "a root that is no image: not status 122"
said '/etc/passwd is neither'
"$vmctl" bench --json /no/such/dir/file >"$out" 2>"$err"
[ $? -eq 121 ] || fail "figures where nothing can be written: not status 121"
"$vmctl" run --stats /no/such/dir/file -- true >"$out" 2>"$err"
[ $? -eq 121 ] || fail "statistics where nothing can be written: not status 121"
said '/no/such/dir/file'
# What the host does not have: 121. An image that is none, or not all of one: 122.
lacks() {
	local status=$1 what=$2
	shift 2
	"$vmctl" run "$@" -- true >"$out" 2>"$err"
	[ $? -eq "$status" ] || fail "vmctl run $*: not status $status"
	said "$what"
}
lacks 119 'no processor feature "foo"' --cpu-flags foo
lacks 121 'this host has no such device' --net tap=no-such-tap
: >"$scratch/empty"
lacks 122 "$scratch/empty is empty" --disk-image "$scratch/empty"
lacks 122 "$scratch is a directory" --disk-image "$scratch"
make_root
make_image "$scratch/root"
truncate -s 4M "$scratch/image"
lacks 122 "$scratch/image is cut short" --root "$scratch/image"
for word in --help -h "run --help" "image -h" --version; do
	"$vmctl" $word >"$out" || fail "vmctl $word: status $?"
	grep -q vmctl "$out" || fail "vmctl $word says nothing"
done
