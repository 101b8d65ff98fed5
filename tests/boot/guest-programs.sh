# SPDX-License-Identifier: MIT
# The programs of tests/guest try the system-call interface, once on the host's Linux and once in the guest: both print the same.
. tests/boot/assert.bash

make_root
mkdir "$scratch/root/t"
cat >"$scratch/root/run.sh" <<'END'
cd "$1" || exit 1
for t in *; do
	echo "== $t"
	"./$t"
	echo "== status $?"
done
END
cp "$BUILD"/tests/guest/* "$scratch/root/t/" || fail "build the guest tests first: make guest-tests"
sh "$scratch/root/run.sh" "$scratch/root/t" >"$scratch/want" 2>/dev/null
grep -q '^not ok' "$scratch/want" && fail "Linux itself does not pass: $(grep '^not ok' "$scratch/want")"
boot 0 --mode ${modes##* } --timeout $((300 * slow)) --root "$scratch/root" -- 'sh /run.sh /t'
diff "$scratch/want" "$out" >"$scratch/diff" || fail "the guest differs from Linux: $(cat "$scratch/diff")"
