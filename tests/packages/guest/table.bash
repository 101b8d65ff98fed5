# SPDX-License-Identifier: MIT
#
# A table of cases: `t NAME COMMAND` runs COMMAND by bash in an empty directory, with $data (files of known content) at hand, and prints
# its name, all it says, and its status. The same on Linux and in the guest, so what differs by nature is cut out in COMMAND.
export LC_ALL=C TZ=UTC
work=/tmp/work data=/tmp/data
export data
covered=" "

t() {
	covered+="$1 "
	rm -rf $work && mkdir $work && cd $work || exit 1
	printf '== %s: %s\n' "$1" "$2"
	bash -c "$2" 2>&1 </dev/null
	printf -- '-- %d\n' $?
}

# Everything that a package brings in bin directories has been tried.
covers() {
	local name
	for name in $(dpkg -L "$1" | sed -nE 's,^(/usr)?/s?bin/,,p' | sort -u); do
		[[ $covered == *" $name "* ]] || echo "no case for $name"
	done
}

mkdir -p $data && cd $data || exit 1
seq 1 20000 >numbers
printf 'pear 3\napple 10\nfig 2\napple 9\nquince 2\n' >fruit
printf 'one\ttwo\tthree\nfour\tfive\tsix\n' >tabs
awk 'BEGIN { for (i = 0; i < 3000; i++) { x = (x * 1103515245 + 12345) % 2147483648; print x % 100000, "line", i } }' >scatter
for i in 1 2 3 4 5 6 7 8; do cat scatter; done | head -c 300000 >big
mkdir -p tree/a/b tree/c && echo x >tree/a/x && echo yy >tree/a/b/y && ln -s ../a tree/c/link && ln tree/a/x tree/c/hard
touch -hd '2020-02-03 04:05:06' tree/c/link tree/a/x tree/a/b/y tree/a/b tree/a tree/c tree
