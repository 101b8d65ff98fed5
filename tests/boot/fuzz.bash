# SPDX-License-Identifier: MIT
# How tests that put random things to the guest run and are judged: the rounds end, the kernel says nothing is wrong, the shell answers, memory
# and processes are gone, and the file system is whole. Set before: $seconds $seed $cpus $mode, and $scratch/root with /fuzz in it.

# fuzz <<TEXT: for the guest's shell, with round(), which gets a directory, seconds and a seed, and says 2 if all is well.
fuzz() {
	cat - "$fuzz_rounds" >"$scratch/root/fuzz.sh"
	kept_root "$scratch/root"
	boot 0 --mode $mode --cpus $cpus --timeout $(((2 * seconds + 300) * slow)) "${kept[@]}" -- "sh /fuzz.sh $seconds $seed; true"
	output "2
2
2
even"
	grep -i -e 'panic' -e 'assert' -e 'lock order' -e 'held' -e 'sleep' "$err" && fail "the kernel complains, seed $seed"
	clean "$scratch/image"
}
fuzz_rounds=$scratch/rounds
{ echo "$free_now"; cat; } >"$fuzz_rounds" <<'END'
round /tmp 1 "$2"
before=$(free_now)
round /tmp "$1" "$(($2 + 1000))"
round /fuzz "$1" "$(($2 + 2000))"
after=$(free_now)
[ $((before - after)) -lt 1024 ] && echo even || echo "$before KiB, then $after KiB"
ps -o comm >/left && grep -v -e '^ps$' -e '^grep$' -e '^sh$' -e '^COMMAND$' -e init /left
END
