# SPDX-License-Identifier: MIT
# What vmctl makes of lists of packages, right and wrong: each mistake is one sentence and a status; what was made once needs no network; a
# directory lies over the packages; what is left of the packages' scripts is done in the guest by Debian's own dpkg.
# long
. tests/packages/packages.bash

# wrong STATUS TEXT ARGUMENTS: vmctl image refuses and says why, in one line.
wrong() {
	local want=$1 text=$2 got
	shift 2
	"$vmctl" image -o "$scratch/none" "$@" >"$out" 2>"$err"
	got=$?
	[ $got -eq "$want" ] || fail "vmctl image $*: status $got instead of $want"
	said "$text"
	[ "$(wc -l <"$err")" -eq 1 ] || fail "vmctl image $* says more than a sentence"
	[ ! -e "$scratch/none" ] && [ ! -e "$scratch/none.part" ] || fail "vmctl image $* leaves a file"
}

wrong 119 'names of Debian packages' --packages 'Bash;ls'
wrong 119 'names of Debian packages' --packages ,
wrong 119 'use 8M' --packages bash --size 1
wrong 122 'no such package.*nosuchpackage' --packages bash,nosuchpackage
wrong 122 'virtual package provided by:.*mawk' --packages awk
wrong 122 'no such package\|put together' --packages bash=0.1-1
wrong 122 'MiB are too few' --packages bash --size 16M
XDG_CACHE_HOME=$scratch/empty wrong 121 "archive can't be reached" --packages bash --mirror http://127.0.0.1:1/debian
XDG_CACHE_HOME=/proc/none wrong 121 'XDG_CACHE_HOME' --packages bash
"$vmctl" run --packages bash --write -- true 2>"$err"
[ $? -eq 119 ] || fail "--packages with --write is taken"
said '"vmctl image" for --write'

# The same list again: at once, and with an archive that is not there (a proxy that nobody is).
make_root
echo 'from the directory' >"$scratch/root/marker"
mkdir -p "$scratch/root/bin" "$scratch/root/etc"
printf '#!/bin/bash\necho "own ${BASH_VERSION%%%%.*}"\n' >"$scratch/root/bin/own"
chmod 755 "$scratch/root/bin/own"
echo other >"$scratch/root/etc/hostname"
list=bash,coreutils,diffutils,perl-base,sed,grep,findutils,libpam-runtime,libwrap0,ucf
"$vmctl" image --force --packages $list -o "$scratch/first" || fail "vmctl image --packages $list"
http_proxy=http://127.0.0.1:1 boot 0 --packages $list --root "$scratch/root" \
	-- 'cat /marker /etc/hostname; own; ls -ld /bin; stat -c "%U %a" /usr/bin/own; readlink /proc/self/exe'
sed -i 's/.*-> /bin -> /' "$out"
output 'from the directory
other
own 5
bin -> usr/bin
root 755
/usr/bin/readlink'

# One package: Debian's essential ones are there, too.
boot 0 --packages netbase -- 'for p in bash ls sed grep find diff tar gzip setsid su perl dpkg; do command -v $p >/dev/null || echo no $p; done
	dpkg -S /etc/protocols'
output 'netbase: /etc/protocols'

# Debian's dpkg does the rest.
"$vmctl" image --force --packages $list --size 600M -o "$scratch/image" || fail "vmctl image --size"
[ "$(stat -c %s "$scratch/image")" -eq $((600 << 20)) ] || fail "--size makes an image of $(stat -c %s "$scratch/image") bytes"
in_guest 0 'dpkg -l | grep -c "^iU"'
[ "$(cat "$out")" -ge 2 ] || fail "nothing is left to be set up"
in_guest 0 'export DEBIAN_FRONTEND=noninteractive; dpkg --configure -a >/tmp/log 2>&1; s=$?; dpkg -l | grep -c "^ii"
	dpkg -l | grep -cv "^ii"; [ $s = 0 ] || cat /tmp/log; dpkg --audit; exit $s' --write
[ "$(sed -n 2p "$out")" -eq 5 ] || fail "dpkg --configure -a leaves packages that are not set up"
clean "$scratch/image"
known_calls
