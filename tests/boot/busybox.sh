# SPDX-License-Identifier: MIT
# The programs that a user expects of the shell, from Debian's busybox, on results that are known.
. tests/boot/assert.bash

make_root
cat >"$scratch/root/tour.sh" <<'END'
cd /tmp || exit 1
say() { echo "$1: $2"; }
printf 'b 2\na 1\nc 3\n' >f
say sort "$(sort f | tr '\n' ' ')"
say awk "$(awk '{ s += $2 } END { print s }' f)"
say grep "$(grep -c '[ab]' f)"
say sed "$(sed -n 's/c 3/found/p' f)"
say wc "$(wc -c <f)"
mkdir -p d/e && cp f d/e/g && mv d/e/g d/h && ln d/h d/i && ln -s h d/j
say find "$(find d | sort | tr '\n' ' ')"
say ls "$(ls -l d/j | sed 's/.*d/d/')"
say stat "$(stat -c '%s %h' d/h)"
tar cf t.tar d && mkdir x && tar xf t.tar -C x && say tar "$(cat x/d/i | md5sum | cut -c1-8)"
gzip -c t.tar | gunzip -c | cmp - t.tar && say gzip same
say md5sum "$(printf abc | md5sum | cut -c1-32)"
say dd "$(dd if=/dev/zero bs=1k count=8 2>/dev/null | wc -c)"
say expr "$((6 * 7))"
say pipe "$(seq 1000 | head -n 3 | tail -n 1)"
say subst "$(echo $(echo nested))"
say here "$(cat <<X
text
X
)"
trap 'echo "trap: hit"' USR1; kill -USR1 $$
(exit 5); say status $?
sleep 1 & wait $!; say wait $?
set -- a b c; say args "$# $2"
i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 3 ] && continue; printf %s $i; done; echo
case $(uname) in Linux) say uname ok;; esac
say ps "$(ps | grep -c '[p]s')"
say df "$(df / | tail -n 1 | awk '{ print ($2 > 0) }')"
say free "$(free | awk '/Mem/ { print ($2 > 0) }')"
say date "$(date +%Y | grep -c '^20')"
say mount "$(mount | grep -c ' / ')"
say top "$(top -b -n 1 | grep -c '^ *PID')"
say env "$(A=1 env | grep ^A=)"
rm -r d x f t.tar && say rm "$(ls | wc -l)"
say id "$(id -u)"
say proc "$(cat /proc/self/stat | cut -d' ' -f2)"
say null "$(cat /dev/null | wc -c)"
END
cat >"$scratch/want" <<'END'
sort: a 1 b 2 c 3 
awk: 6
grep: 2
sed: found
wc: 12
find: d d/e d/h d/i d/j 
ls: d/j -> h
stat: 12 2
END
printf 'tar: %s\n' "$(printf 'b 2\na 1\nc 3\n' | md5sum | cut -c1-8)" >>"$scratch/want"
cat >>"$scratch/want" <<'END'
gzip: same
md5sum: 900150983cd24fb0d6963f7d28e17f72
dd: 8192
expr: 42
pipe: 3
subst: nested
here: text
trap: hit
status: 5
wait: 0
args: 3 b
1245
uname: ok
ps: 1
df: 1
free: 1
date: 1
mount: 1
top: 1
env: A=1
rm: 0
id: 0
proc: (cat)
null: 0
END
for mode in $modes; do
	boot 0 --mode $mode --root "$scratch/root" -- sh /tour.sh
	diff "$scratch/want" "$out" || fail "the tour's output differs in $mode mode"
done
