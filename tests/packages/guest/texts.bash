# SPDX-License-Identifier: MIT
# findutils, grep, sed, mawk, tar, gzip, xz-utils, diffutils, at real work.
. /test/table.bash

t find 'find $data/tree | sort; find $data -type f -size +50k | sort; find $data/tree -name "*x*" -o -type l | sort
	find $data/tree -newermt 2019-01-01 ! -newermt 2021-01-01 | wc -l; find nosuch; find $data/tree -perm 644 -printf "%f %s %y %m %d\n" | sort'
t find 'find $data/tree -type f -exec md5sum {} + | sort; find $data/tree -type f -exec echo one {} \; | sort
	find $data/tree -links 2 -samefile $data/tree/a/x | sort; find $data/tree -depth | tail -n 1; mkdir -p a/b; touch a/b/c; find a -delete; ls
	find $data/tree -maxdepth 1 -empty'
t find 'mkdir d; (cd d; for i in $(seq 300); do echo $i >f$i; done); find d -type f | wc -l
	find d -name "f1?" -print0 | xargs -0 cat | sort -n | tr "\n" " "; find d -newer d/f150 | wc -l | grep -c "^[0-9]"
	find d -type f -execdir test -s {} \; -print | wc -l; find d -regex ".*/f[0-9]" | sort | tr "\n" " "; find / -xdev -user nobody
	find -L $data/tree -maxdepth 3 -name y | sort; find d -quit; find . -ls | wc -l; find -bogus'
t xargs 'seq 10 | xargs -n 3; seq 5 | xargs -I{} echo "<{}>"; seq 20 | xargs -P 4 -n 5 echo | wc -w; echo "a b" | xargs -d" " -n1
	xargs -r echo none </dev/null; seq 3 | xargs false; echo $?; echo x | xargs -t echo; seq 3 | xargs nosuchcommand; echo $?
	seq 60000 | xargs echo | wc -w; printf "a\0b c\0" | xargs -0 -n 1; xargs --show-limits </dev/null 2>&1 | grep -c "^"
	echo 9 | xargs -n1 sh -c "exit 255"'
covers findutils

t grep 'grep apple $data/fruit; grep -c e $data/fruit; grep -v apple $data/fruit; grep -n -i FIG $data/fruit; grep -o "[0-9]*" $data/fruit
	grep -rl yy $data/tree; grep -E "^(pear|fig) [0-9]+$" $data/fruit; grep -F . $data/fruit; grep -w 2 $data/fruit; grep -A1 -B1 fig $data/fruit
	grep nosuch $data/fruit; echo $?; grep x nosuch; echo $?; grep -q apple $data/fruit; echo $?; grep -L apple $data/fruit $data/tabs'
t grep 'grep -P "(?<=apple )\d+" $data/fruit; grep -c 99 $data/numbers; grep -E "^(.)(.)\2\1$" $data/numbers | tail -n 2
	grep -f <(printf "fig\npear\n") $data/fruit; printf "a\0b\n" | grep a; printf "a\0b\n" | grep -a b | od -c
	grep --color=always fig $data/fruit | cat -v; grep -m 2 1 $data/numbers; grep -b -o fig $data/fruit; grep "\(" x; yes | grep -m1 y
	grep -r --include="*" -h x $data/tree | sort; grep line /test/../tmp/data/big | wc -l; LC_ALL=C.UTF-8 grep -o "h.llo" <<<"héllo"
	grep -z a <<<abc | od -c | head -n 1'
t egrep 'egrep -c "a|e" $data/fruit'
t fgrep 'fgrep -c "a|e" $data/fruit'
t rgrep 'rgrep -c yy $data/tree | sort'
covers grep

t sed 'sed "s/apple/APPLE/" $data/fruit; sed -n "2,3p;\$p" $data/fruit; sed -E "s/([a-z]+) ([0-9]+)/\2 \1/" $data/fruit; sed "/fig/d" $data/fruit; sed "2i\\
inserted" $data/fruit; sed -n "/apple/{=;p}" $data/fruit; sed "y/abc/xyz/" $data/fruit; sed "\$!N;P;D" $data/fruit
sed 1~2d $data/fruit; sed -n "\$=" $data/numbers; sed G $data/tabs; sed -n "H;\${x;s/\n/,/g;p}" $data/fruit'
t sed 'cp $data/fruit f; sed -i.bak "s/fig/FIG/;w out" f; cat f out; ls; cmp f.bak $data/fruit; sed -s -n 1p f $data/tabs; sed "s/x" f
	sed -i s/a/b/ nosuch; sed --follow-symlinks -i 1d f; sed -z "s/\n/;/g" f; sed ":a;s/^\(x*\)a/\1x/;ta" <<<aaab; sed "q5" f; echo $?
	sed "s/[0-9]/<&>/2" <<<a1b2; sed -n "l" $data/tabs; sed "e echo hi" <<<x; sed "r $data/tabs" <<<x; LC_ALL=C.UTF-8 sed "s/./X/g" <<<"é"'
covers sed

t mawk 'awk "{ s += \$2 } END { print s }" $data/fruit; awk -F"\t" "{ print \$3, NF, NR }" $data/tabs
	mawk "BEGIN { printf \"%5.2f %s %d\n\", 3.14159, substr(\"hello\", 2, 3), index(\"abc\", \"c\") }"
	awk "{ c[\$1]++ } END { for (k in c) print k, c[k] }" $data/fruit | sort
	awk "BEGIN { while ((\"seq 3\" | getline x) > 0) print x; close(\"seq 3\"); print \"z\" | \"sort\" }"
	awk "BEGIN { n = split(\"a:b:c\", p, \":\"); print n, p[2]; s = \"aaa\"; gsub(/a/, \"b\", s); print s
	print match(\"foobar\", /ob/), RSTART, toupper(\"x\"), length(\"four\"); system(\"echo sys; exit 3\"); exit 4 }"
	echo $?'
t mawk 'mawk "{ s += \$1; n++ } END { print s, n }" $data/big; mawk "function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { print f(18) }"
	awk "NR % 5000 == 0" $data/numbers; awk "/fig/, /apple/ { print NR \": \" \$0 }" $data/fruit
	awk "{ print > (\"out\" NR % 2) } END { close(\"out0\") }" $data/fruit; cat out0 out1; mawk -W version 2>&1 | head -n 1
	mawk -v a=5 "BEGIN { print a * 2 }"; mawk "BEGIN { print 1 / 0 }"; mawk "BEGIN {"
	awk "BEGIN { print ENVIRON[\"HOME\"]; print ARGC, ARGV[1] }" x; nawk "BEGIN { print 1e3, 0x10, 100000 * 100000 }"; awk -f nosuch
	echo "a b" | awk "{ \$3 = \"c\"; print; print NF; \$0 = \"x y\"; print \$2 }"
	mawk "BEGIN { srand(5); print int(rand() * 0); getline l < \"/tmp/data/fruit\"; print l }"'
covered+="awk nawk "
covers mawk

t tar 'tar cf a.tar --sort=name -C $data tree fruit; tar tvf a.tar | sed "s/20..-..-.. ..:..//" | sort; mkdir x; tar xf a.tar -C x
	diff -r $data/tree x/tree && echo same; stat -c "%h %Y" x/tree/a/x; readlink x/tree/c/link; tar -df a.tar -C $data; tar rf a.tar -C $data tabs
	tar tf a.tar | tail -n 1; tar --delete -f a.tar fruit; tar tf a.tar | grep -c fruit; tar xOf a.tar tabs'
t tar 'for z in gzip xz; do tar c --$z -f a.$z -C $data big numbers; tar tf a.$z; tar xOf a.$z big | cmp - $data/big; done
	tar --sparse -cf s.tar <(:) 2>/dev/null; truncate -s 3M hole; echo x >>hole; tar -S -cf s.tar hole
	[ $(stat -c %s s.tar) -lt 100000 ] && echo sparse; mkdir y; tar xf s.tar -C y; cmp hole y/hole; tar xf nosuch; tar cf b.tar nosuch; echo $?
	touch -d @1 f; chmod 4711 f; chown 5:6 f; mkfifo p; mknod n c 1 3; tar cpf d.tar f p n; rm f p n; tar xpf d.tar
	stat -c "%n %a %u %g %F %Y" f p n | head -n 1; stat -c "%n %F %t %T" p n; tar cf - $data/tree 2>&1 >/dev/null
	tar --exclude="b*" -cf - -C $data . | tar tf - | sort; tar xf /dev/null; tar --one-top-level=z -xf a.gzip; ls z
	tar -cf l.tar --transform "s/big/small/" -C $data big; tar tf l.tar; tar cML 100 -f v.tar </dev/null -C $data big; echo $?
	tar xf b.tar --wildcards "*x"; tar -tf $data/big'
t rmt-tar 'echo Q | rmt-tar; echo bad | rmt-tar | head -c 1'
t tarcat 'tarcat; tar cf a.tar -C $data fruit; tarcat a.tar | tar tf -'
covered+="rmt "
covers tar

t gzip 'gzip -k <$data/big | gunzip | cmp - $data/big; cp $data/big b; gzip -9 b; ls; gzip -l b.gz | tail -n 1; gzip -t b.gz; zcat b.gz | cksum
	gunzip b.gz; cksum <b; gzip -c $data/fruit >f.gz; zgrep apple f.gz; zdiff f.gz <(gzip -c $data/tabs); zcmp f.gz f.gz; echo $?
	head -c 20 f.gz >t.gz; gunzip t.gz; gzip nosuch; gzip -d $data/fruit; for l in 1 6; do gzip -$l -n <$data/numbers | md5sum; done; gzip -rk .
	zless --version | head -n 1; uncompress -V | head -n 1; zforce f.gz; gzexe -h 2>&1 | head -n 1; znew -h 2>&1 | head -n 1; zfgrep fig f.gz
	zegrep "p|q" f.gz | wc -l; zmore --version | head -n 1'
covered+="gunzip zcat zgrep zdiff zcmp zless uncompress zforce gzexe znew zfgrep zegrep zmore "
covers gzip

t xz 'xz -0 -k <$data/big | unxz | cmp - $data/big; cp $data/numbers n; xz -1 n; ls; xz -l --robot n.xz | tail -n 1; xz -t n.xz; xzcat n.xz | cksum
	unxz n.xz; cmp n $data/numbers; xz -0 -T 2 --block-size=100KiB <$data/big | xz -d | cksum; lzma -0 <$data/fruit | unlzma
	xzgrep apple <(xz -0 <$data/fruit); echo junk | xz -d; xz nosuch; xz -0 --check=sha256 <$data/fruit | xz -dc; lzmainfo --help | head -n 1
	xzdiff --version | head -n 1; lzcat <(lzma -0 <$data/tabs)'
covered+="unxz xzcat lzma unlzma xzgrep lzmainfo xzdiff lzcat "
for name in xzcmp xzegrep xzfgrep lzcmp lzdiff lzegrep lzfgrep lzgrep lzless lzmore xzless xzmore; do
	t $name "$name --version </dev/null | head -n 1"
done
covers xz-utils

t diff 'diff $data/fruit <(sort $data/fruit); diff -u --label a --label b $data/fruit <(sed s/fig/FIG/ $data/fruit); diff -r $data/tree/a $data/tree/c
	diff -q $data/fruit $data/tabs; diff -y -W 40 $data/fruit <(sort $data/fruit); diff nosuch x; diff $data/big $data/big; echo $?
	diff -c --label a --label b <(seq 3) <(seq 2 4); diff --brief $data/big $data/numbers'
t cmp 'cmp $data/fruit $data/tabs; cmp -l <(echo a) <(echo b); cmp -s $data/big $data/big; echo $?; cmp $data/fruit <(head -n 1 $data/fruit)'
t diff3 'diff3 <(echo a) <(echo b) <(echo c); diff3 -m <(seq 3) <(seq 3) <(seq 4)'
t sdiff 'sdiff -w 30 <(seq 3) <(seq 2 4)'
covers diffutils
