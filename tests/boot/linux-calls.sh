# SPDX-License-Identifier: MIT
# System calls one by one: the programs of tests/linux print what calls do, on the host's Linux and in the guest, there on tmpfs and, what
# has to do with files, on ext4; every line has to be the same but those of tests/linux/differs.
# limit: 1800
# not on bochs: one processor of it takes too long for all the programs
. tests/boot/assert.bash

programs=()
for source in tests/linux/*.c; do
	programs+=("$(basename "$source" .c)")
done
on_disk="files directories descriptors memory"

# What cannot be asked of this host's Linux is not asked of the guest either.
left_out=
leave_out() { # WORD WHY
	left_out+=" $1"
	echo "left out: $2"
}
inotify_limit() {
	cat "/proc/sys/fs/inotify/max_$1" 2>/dev/null
}
if [ "$(id -u)" -ne 0 ]; then
	alone="permissions capabilities inet_raw inet_path packet"
	leave_out root "what only root can try: $alone, and parts of $(grep -l 'calls_with("root")' tests/linux/*.c | xargs -n 1 basename -s .c | xargs)"
	for name in $alone; do
		programs=("${programs[@]/#$name/}")
	done
fi
host_has_ipv6 || leave_out ipv6 "IPv6, for this host has no ::1"
[ "$(inotify_limit user_instances) $(inotify_limit queued_events)" = "128 16384" ] || leave_out inotify-limits "inotify's limits, for this host has others"

make_root
mkdir "$scratch/root/calls" "$scratch/root/disk" "$scratch/host"
cp "$BUILD"/tests/linux/* "$scratch/root/calls/" || fail "there are no programs: make all"
cp tests/linux/run.sh "$scratch/root/"
# Where it may be, in a network of its own: on this host's loopback is also what other tests send, and sockets that hear all would hear it.
alone_in='exec "$@"'
own_network=()
if [ "$(id -u)" -eq 0 ] && unshare --net true 2>/dev/null; then
	own_network=(unshare --net) alone_in="busybox ip link set lo up && $alone_in"
fi
# shellcheck disable=SC2068
timeout -s KILL 500 "${own_network[@]}" busybox sh -c "$alone_in" sh \
	busybox sh tests/linux/run.sh "$left_out" "$scratch/root/calls" "$scratch/host" ${programs[@]} >"$scratch/want" ||
	fail "the programs have not ended on Linux, or not well"
boot 0 --timeout 1000 --root "$scratch/root" -- \
	"files() { read open rest </proc/sys/fs/file-nr; echo \$open; }; before=\$(files); sh /run.sh '$left_out' /calls /tmp ${programs[*]}
	echo; echo ===; sh /run.sh '$left_out' /calls /disk $on_disk
	for second in \$(seq 100); do after=\$(files); [ \$after = \$before ] && break; sleep 1; done; echo open files: \$before, \$after"
read -r _ _ before after < <(grep '^open files: ' "$out")
[ -n "$after" ] && [ "$before" = "$after," ] || fail "files were never closed: of $before there are $after"
sed -n '/^===$/q;p' "$out" >"$scratch/tmpfs"
sed '1,/^===$/d; /^open files: /d' "$out" >"$scratch/ext4"
grep -E "^(${on_disk// /|}) " "$scratch/want" >"$scratch/want-disk"

# compare WHERE WANT GOT: a line for each case whose result is not the same, "CASE: WHERE has X, Linux Y". The same case may occur several times.
compare() {
	awk -v where="$1" '
		function split_line(line) {
			cut = index(line, " -> ")
			label = cut ? substr(line, 1, cut - 1) : line
			result = cut ? substr(line, cut + 4) : ""
		}
		/^$/ { next }
		{ split_line($0) }
		NR == FNR { key = label SUBSEP (++had[label]); want[key] = result; order[++count] = key; next }
		{ key = label SUBSEP (++has[label]); got[key] = result }
		!(key in want) { print label "\t" where ": " result ", on Linux it is not there" }
		END {
			for (i = 1; i <= count; i++) {
				key = order[i]
				split(key, part, SUBSEP)
				if (!(key in got)) {
					print part[1] "\t" where ": not there, on Linux " want[key]
				} else if (got[key] != want[key]) {
					print part[1] "\t" where ": " got[key] ", on Linux " want[key]
				}
			}
		}' "$2" "$3"
}
{ compare tmpfs "$scratch/want" "$scratch/tmpfs"; compare ext4 "$scratch/want-disk" "$scratch/ext4"; } >"$scratch/differences"

grep -v '^#' tests/linux/differs | sort >"$scratch/listed"
cut -f1 "$scratch/differences" | sort -u >"$scratch/differing"
echo "$(grep -c . "$scratch/want") cases on tmpfs, $(grep -c . "$scratch/want-disk") on ext4, $(grep -c . "$scratch/listed") differ on purpose"
wrong=false
while read -r label; do
	wrong=true
	grep -F "$label	" "$scratch/differences"
done < <(comm -23 "$scratch/differing" "$scratch/listed")
while read -r label; do
	wrong=true
	echo "no longer different: $label"
done < <(comm -13 "$scratch/differing" "$scratch/listed")
$wrong && { : >"$out"; fail "the guest and tests/linux/differs do not agree"; }
[ "$(grep -c . "$scratch/want")" -ge 400 ] || fail "only few cases have run"
