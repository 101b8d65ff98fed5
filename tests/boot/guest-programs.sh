# SPDX-License-Identifier: MIT
# The programs of tests/guest try the system-call interface, once on the host's Linux and once in the guest: both print the same.
. tests/boot/assert.bash

make_root
mkdir "$scratch/root/t"
cat >"$scratch/root/t/run" <<'END'
cd "$1" || exit 1
for t in exec family pipes pty shell signals threads; do
	echo "== $t"
	"./$t"
	echo "== status $?"
done
END
cp "$BUILD"/tests/guest/* "$scratch/root/t/" || fail "build the guest tests first: make guest-tests"
sh "$scratch/root/t/run" "$scratch/root/t" >"$scratch/want" 2>/dev/null
grep -q '^not ok' "$scratch/want" && fail "Linux itself does not pass: $(grep '^not ok' "$scratch/want")"
boot 0 --mode monolithic --timeout 120 --root "$scratch/root" -- 'sh /t/run /t'
diff "$scratch/want" "$out" >"$scratch/diff" || fail "the guest differs from Linux: $(cat "$scratch/diff")"
