# SPDX-License-Identifier: MIT
# Every program of coreutils, at real work.
. /test/table.bash

# Files and directories
t cat 'cat $data/fruit - $data/tabs </dev/null; cat -A $data/tabs; cat -n $data/fruit; cat /nowhere; cat $data/big | cksum; cat .'
t tac 'tac $data/fruit; tac $data/numbers | head -n 2; seq 5 | tac'
t cp 'cp -a $data/tree t; ls -lR --time-style=+%F_%T t | grep -v ^total; cp $data/fruit t/a; cp -n $data/tabs t/a/fruit; cmp t/a/fruit $data/fruit
	cp -rs $data/tree s; readlink s/a/x; cp -l t/a/x h; stat -c %h h; cp nosuch x'
t cp 'truncate -s 5M hole; echo end >>hole; cp --sparse=always hole h2; cmp hole h2 && [ $(du -k h2 | cut -f1) -lt 100 ] && echo sparse
	cp --reflink=never --preserve=all hole h3; cmp hole h3; cp -u h2 h3; cp -b h2 h3; ls h3*; cp --parents $data/tree/a/x .; find tmp | sort'
t mv 'echo 1 >a; echo 2 >b; mv a c; mv -n b c; mv -b b c; cat c c~; mkdir d; mv c d; ls d
	mv d /var/tmp/other && cat /var/tmp/other/c && rm -r /var/tmp/other; mv nosuch x; mkdir e f; touch f/e; mv e f'
t rm 'mkdir -p a/b/c; touch a/b/f; rm a; rm -r a; ls; rm -f nosuch; rm nosuch; touch ./-x; rm -- -x; mkdir p; rm -d p; rm -rf /; touch r; chmod 400 r
	rm -v r'
t rmdir 'mkdir -p a/b/c; rmdir a; rmdir -p a/b/c; ls; mkdir d; touch d/f; rmdir --ignore-fail-on-non-empty d; rmdir nosuch'
t mkdir 'mkdir a; mkdir a; mkdir -p x/y/z; mkdir -m 1733 m; stat -c %a a x/y m; mkdir n/o; umask 77; mkdir -pv q/r; stat -c %a q q/r'
t ls 'ls -l --time-style=+%s $data/tree/a; ls -laiR $data/tree | wc -l; ls -1S $data/fruit $data/tabs $data/big; ls -d $data/t*; ls -F $data/tree/c
	ls --color=always $data/tree/c | cat -v; ls -m $data; ls -x $data; ls -Q nosuch $data/fruit; ls -s --block-size=1 $data/fruit
	ls -lt --full-time $data/tree | grep -v ^total'
t dir 'dir $data; dir -l --time-style=+ $data/tree/a | grep -v ^total'
t vdir 'vdir --time-style=+ $data/fruit'
t ln 'echo x >a; ln a b; ln -s a c; ln -sf b c; ln -s a c; stat -c "%h %F" a b c; readlink c; ln -sr a d; ln a nosuch/x; ln . e; ln -s loop loop
	cat loop; ln -T a c2; ln -sn /tmp d2; ln -sfn /var d2; readlink d2'
t link 'echo x >a; link a b; stat -c %h a; link nosuch c; link a b'
t unlink 'echo x >a; unlink a; unlink a; mkdir d; unlink d; ls'
t readlink 'ln -s a b; ln -s b c; touch a; readlink c; readlink -f c; readlink -e nosuch; readlink -m no/such; readlink a; readlink /proc/self/exe
	readlink /proc/self/cwd'
t realpath 'ln -s $data l; realpath l; realpath -s l; realpath --relative-to=$data/tree l/fruit; realpath nosuch/x; realpath -m nosuch/x
	realpath -e l/none; realpath ..'
t basename 'basename /a/b.c .c; basename -a x/y z/w; basename /; basename -s .h a/b.h; basename'
t dirname 'dirname /a/b a . / a/b/; dirname'
t pwd 'pwd; mkdir d; ln -s d l; cd l; pwd -L; pwd -P; /bin/pwd; rmdir ../d; /bin/pwd'
t touch 'touch a; touch -d "2001-02-03 04:05:06.789" a; stat -c %y a; touch -r a b; stat -c %Y b; touch -c nosuch; ls; touch -m -t 199901020304 a
	stat -c "%x %y" a; touch nosuch/x; touch -h -d @5 a; stat -c %X a; touch -a -d @7 a; stat -c "%X" a'
t mknod 'mknod p p; stat -c %F p; mknod n c 1 3; stat -c "%F %t %T" n; mknod b b 7 1; stat -c "%F %t,%T" b; mknod x q; mknod -m 600 f p; stat -c %a f'
t mkfifo 'mkfifo f; (echo through >f &); cat f; mkfifo f; mkfifo -m 640 g; stat -c "%F %a" g; (seq 50000 >f &) ; tail -n 1 f'
t mktemp 'mktemp -u aXXXXX | wc -c; f=$(mktemp); echo ${#f}; rm $f; d=$(mktemp -d -p .); stat -c "%F %a" $d; mktemp nox; mktemp --suffix=.x yXXX | wc -c'
t install 'install -D -m 751 $data/fruit a/b/c; stat -c %a a/b/c; install -d -m 700 d/e; stat -c %a d/e; install -s $data/fruit x
	install -C -v $data/fruit a/b/c; install -o 3 -g 4 $data/fruit y; stat -c "%u %g" y; install -t d $data/fruit $data/tabs; ls d'
t chmod 'touch a; chmod 4755 a; stat -c "%a %A" a; chmod u=rw,go= a; stat -c %a a; chmod +X a; chmod -v g+w a; mkdir d; chmod 2775 d; mkdir d/e
	stat -c %a d d/e; chmod -R o-rx d; stat -c %a d; chmod 999 a; chmod --reference=d a; stat -c %a a; chmod u+s nosuch'
t chown 'touch a; chown 5:6 a; stat -c "%u:%g" a; chown daemon a; stat -c %U a; chown :bin a; stat -c %G a; ln -s a l; chown -h 9 l; stat -c %u l a
	chown nosuch a; chown -R --from=1 7 .; stat -c %u a; chmod 6755 a; chown 1:1 a; stat -c %a a'
t chgrp 'touch a; chgrp 7 a; stat -c %g a; chgrp -v nogroup a; chgrp nosuchgroup a'
t chcon 'chcon user_u:object_r:x_t nosuch; chcon'
t runcon 'runcon x true'
t stat 'stat -c "%n %s %F %a %U %G %h" $data/fruit $data/tree /dev/null $data/tree/c/link; stat -c "%N %B" $data/tree/c/link
	stat -f -c "%s %n" / | cut -d" " -f1; stat --printf="%a\\n" .; stat nosuch; stat -L -c %F $data/tree/c/link; touch -d @1 f
	stat -c "%X %Y %y" f'
t truncate 'truncate -s 1000 a; stat -c %s a; truncate -s -10 a; truncate -s +7 a; stat -c %s a; truncate -r $data/fruit a; stat -c %s a
	truncate -s %512 a; stat -c %s a; od -c a | tail -n 2; truncate -s 5G h; stat -c %s h; truncate -c -s 4 none; ls; truncate -s 99999999T big'
t shred 'head -c 5000 /dev/zero >a; shred -n 1 a; stat -c %s a; cmp -s a <(head -c 5000 /dev/zero) || echo changed; shred -u -z a; ls; shred nosuch'
t sync 'echo x >a; sync; sync a; sync -d a; sync -f .; sync nosuch'
t dd 'dd if=$data/big of=a bs=4k count=3 skip=2 2>/dev/null; cksum <a; dd if=a bs=1 count=3 2>&1 | tail -n +1 | grep records
	dd if=a of=b conv=notrunc,ucase seek=1 bs=512 count=2 2>&1 | grep -a records; dd if=/dev/zero of=full bs=1M count=2 oflag=sync 2>/dev/null
	stat -c %s full; dd if=nosuch; echo abcd | dd conv=swab 2>/dev/null; seq 1000 | dd iflag=fullblock bs=777 count=2 2>/dev/null | cksum
	dd if=/dev/zero of=/dev/full bs=512 count=1 2>&1 | head -n 1'
t df 'df -P / | head -n 1 | tr -s " "; df / /proc | wc -l; df -i / | wc -l; df --output=target /tmp | tail -n 1; df nosuch
	df -T /tmp | awk "NR == 2 { print \$2 }"'
t du 'du -l -a --apparent-size -b $data/tree | sort; du -sh --apparent-size $data/fruit; head -c 100000 /dev/zero | tr "\0" x >a; du -k a | cut -f1
	du -c --inodes $data/tree | tail -n 1; du nosuch; du -d 0 -b $data/tree/a'
t dircolors 'dircolors -b | cksum; dircolors -p | head -n 1'
t pathchk 'pathchk /usr/bin; pathchk -p "a b"; pathchk $(printf %300s | tr " " a) | cut -c1-20; pathchk ""'
t test 'for e in "-f $data/fruit" "-d $data" "-L $data/tree/c/link" "-x /bin/ls" "-s /dev/null" "1 -lt 2" "a = b" \
	"-p /dev/stdin" "-c /dev/null" "$data/fruit -ef $data/./fruit" "-u /bin/su" "-r nosuch" "-t 0" "$data/tree/a/x -ot $data/fruit"
	do /usr/bin/test $e; echo "$? $e"; done; /usr/bin/test 1 -lt x'
t [ '/usr/bin/[ -n x ]; echo $?; /usr/bin/[ -z x ]; echo $?; /usr/bin/[ x'

# Text
t head 'head -n 2 $data/fruit; head -c 5 $data/fruit; head -n -3 $data/fruit; head -c -20 $data/fruit; head -q -n1 $data/fruit $data/tabs
	yes | head -n 3; head nosuch'
t tail 'tail -n 2 $data/fruit; tail -c 6 $data/fruit; tail -n +4 $data/fruit; seq 100000 | tail -n 1; tail -v -n1 $data/fruit $data/tabs'
t tail 'echo 1 >f; (sleep 0.3; echo 2 >>f; sleep 0.3; echo 3 >>f) & p=$!; timeout 5 tail -f --pid=$p -s 0.2 f 2>/dev/null'
t tail 'echo 1 >f; (sleep 0.4; mv f g; echo new >f; sleep 1.5) & p=$!; timeout 6 tail -F --pid=$p -s 0.2 f 2>/dev/null'
t cut 'cut -d" " -f2 $data/fruit; cut -c2-4 $data/fruit; cut -f1,3 $data/tabs; cut -b-3,5 $data/fruit
	cut --complement -f2 --output-delimiter=: $data/tabs; cut'
t paste 'paste $data/fruit $data/tabs; paste -s -d, $data/fruit; seq 6 | paste - - -; paste -d"\0" <(seq 2) <(seq 2)'
t join 'join <(sort $data/fruit) <(printf "apple red\nfig blue\n"); join -a1 -e - -o 0,1.2,2.2 <(sort $data/fruit) <(printf "apple red\nzoo 1\n")
	join -t: -1 2 <(echo a:b) <(echo b:c)'
t comm 'comm <(seq 5) <(seq 3 8); comm -12 <(seq 5) <(seq 3 8); comm --total -3 <(seq 2) <(seq 2 3)'
t uniq 'printf "a\na\nb\na\nA\n" | uniq -c; printf "a\na\nb\n" | uniq -d; printf "a\na\nb\n" | uniq -u; printf "a\nA\n" | uniq -i
	printf "x 1\ny 1\n" | uniq -f1; printf "a\na\nb\n" | uniq --group=both'
t sort 'sort $data/fruit; sort -k2n $data/fruit; sort -rn $data/numbers | head -n 2; sort -u -k1,1 $data/fruit; sort -c $data/fruit
	sort -R $data/numbers | sort -n | cmp - $data/numbers; printf "1K\n2\n1M\n" | sort -h; printf "v1.10\nv1.9\n" | sort -V
	sort -m <(seq 1 2 9) <(seq 2 2 8) | tr "\n" " "; sort -o x $data/fruit; cat x; sort nosuch'
t sort 'sort -S 64K --parallel=4 -T . $data/big | cksum; sort -S 100K --compress-program=gzip -k3n $data/big | cksum; for i in 1 2 3 4 5
	do cat $data/big; done | sort -S 200K --batch-size=3 -n | cksum; ls'
t shuf 'shuf -i 1-100 | sort -n | cksum; shuf -n 3 $data/fruit | wc -l; shuf -e a b c | sort; shuf --random-source=$data/big -i 1-10; shuf -r -n 5 -e x'
t tsort 'printf "a b\nb c\nd b\n" | tsort; printf "a b\nb a\n" | tsort'
t split 'split -l 4000 $data/numbers; ls; cat x* | cmp - $data/numbers; split -b 100K -d $data/big p; ls p*; split -n 3 $data/fruit q; wc -c q*
	split -n l/2/3 $data/fruit; split --filter="wc -l >\$FILE.n" -l 9000 $data/numbers r; cat r*.n'
t csplit 'csplit -s $data/fruit /fig/ ; head xx0*; csplit -f y -n 1 $data/numbers 100 "{2}"; wc -l y*; csplit $data/fruit /nope/; ls'
t tee 'seq 3 | tee a b; cat a b; seq 2 | tee -a a >/dev/null; wc -l a; seq 1 | tee nosuch/x; echo hi | tee /dev/full; seq 100000 | tee c | cksum; cksum <c'
t tr 'echo hello | tr a-y b-z; echo "a  b" | tr -s " "; echo abc | tr -d b; echo hello | tr -cd l; echo; echo ab | tr "[:lower:]" "[:upper:]"
	tr -t ab x <<<abc; cat $data/big | tr -dc 0-9 | cksum; tr'
t wc 'wc $data/fruit $data/tabs; wc -l <$data/numbers; wc -m -w -L $data/fruit; cat $data/big | wc; wc nosuch; printf "a\0b\0" >l
	printf "%s\0" $data/fruit | wc --files0-from=- -c; wc -c /proc/version | wc -l'
t nl 'nl $data/fruit; nl -ba -w3 -s: $data/tabs; printf "a\n\nb\n" | nl -b t -v 5 -i 5'
t fmt 'head -n 40 $data/scatter | fmt -w 60 | head -n 5; printf "a b c d e f\n" | fmt -w 4; fmt -u <<<"a   b"'
t fold 'fold -w 7 $data/fruit; echo "aa bb cc" | fold -s -w 6; fold -b -w 2 <<<abc'
t pr 'pr -t -2 -l 6 $data/fruit; pr -h title -D date $data/tabs | head -n 8; seq 9 | pr -3 -t -a; pr -m -t $data/fruit $data/tabs'
t expand 'expand $data/tabs; expand -t 4 $data/tabs; expand -i -t2 <<<$'"'"'\ta\tb'"'"
t unexpand 'expand $data/tabs | unexpand -a | cat -T; unexpand -t 2 <<<"    x"'
t od 'od -c $data/tabs; od -An -tx1 -N 8 $data/fruit; od -t d4 -j 4 -N 8 $data/fruit; head -c 100 /dev/zero | od; od -tfF -N 8 $data/big; od -s $data/tabs'
t ptx 'ptx -w 40 $data/fruit; printf "the cat sat\n" | ptx -G'
t numfmt 'numfmt --to=iec 1048576 1500; numfmt --from=si 1K; echo "x 2048" | numfmt --field=2 --to=iec; numfmt --grouping 1234; numfmt --from=iec 1Q
	numfmt --to=si --format=%8.2f 123456'
t seq 'seq 3; seq -w 8 10; seq -s, 1 2 7; seq 5 -2 0; seq 0 .25 1; seq -f %03g 2; seq 1000000 | tail -n 1; seq x'
t factor 'factor 1 97 360 1000003 18446744073709551615 1000000007000000049; echo 12 | factor; factor x'
t expr 'expr 6 \* 7; expr length hello; expr substr hello 2 3; expr abc : "a\(.\)"; expr 1 / 0; expr 3 \> 2; expr index abc c
	expr 99999999999999999999 + 1; expr a +'
t echo '/bin/echo -e "a\tb\c"; /bin/echo -n x; /bin/echo; /bin/echo "\n" -e; /bin/echo >/dev/full'
t printf '/usr/bin/printf "%5d|%-5s|%x|%o|%e|%q\n" 42 ab 255 8 1.5 "a b"; /usr/bin/printf "%s\n" a b c; /usr/bin/printf "%b" "x\ty\n"
	/usr/bin/printf "%d\n" 0x1f 010 x; /usr/bin/printf "\u00e9\n" | od -c; /usr/bin/printf "%10.3f|\n" 3.14159'
t yes 'yes | head -n 2; yes a b | head -n 1; yes $(seq 100) | head -c 100000 | cksum'
t true '/bin/true; echo $?; /bin/true --version | head -n 1'
t false '/bin/false; echo $?'

# Sums and encodings
for sum in cksum sum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum; do
	t $sum "$sum \$data/big \$data/fruit; $sum <\$data/numbers; cat \$data/big | $sum; $sum nosuch"
done
t md5sum 'md5sum $data/fruit $data/tabs >s; md5sum -c s; sed -i s/^./0/ s; md5sum -c --quiet s; md5sum --tag $data/fruit
	md5sum -z $data/fruit | od -c | tail -n 2'
t md5sum.textutils 'md5sum.textutils $data/fruit'
t sha256sum 'sha256sum $data/* 2>/dev/null >s; sha256sum -c --status s; echo $?; sha256sum --ignore-missing -c s | wc -l'
t cksum 'cksum -a sha3 x; cksum -a blake2b $data/fruit; cksum --untagged -a sm3 $data/fruit; cksum -a sysv $data/big'
t base64 'base64 $data/fruit; base64 -w 0 $data/tabs; echo; base64 $data/big | base64 -d | cmp - $data/big; echo "!!" | base64 -d; base64 -i -d <<<"aGk=@"'
t base32 'base32 $data/fruit; base32 $data/big | base32 -d | cmp - $data/big'
t basenc 'for e in base64url base32hex base16 z85 base2msbf; do head -c 8 $data/fruit | basenc --$e; done; basenc --base16 -d <<<4142'

# The system, users, processes
t uname 'uname -s; uname -m; uname -o; uname -n; uname -a | wc -l; uname x'
t arch 'arch'
t nproc '[ $(nproc) -ge 1 ] && echo some; OMP_NUM_THREADS=3 nproc; nproc --ignore=100; nproc --all | grep -c "^[1-9]"'
t hostid 'hostid | grep -cE "^[0-9a-f]{8}$"'
t date 'date -d @0; date -u -d "2024-02-29 +1 year" +%F; date -d "2020-01-01 12:00 UTC" +%s; TZ=America/New_York date -d @1700000000 +%z
	date +%Y | grep -c ^20; date -R -d @86400; date -d nonsense; date -r $data/tree/a/x; date -I -d @0; date --resolution'
t whoami 'whoami'
t id 'id; id -u; id -un; id -G; id -Gn; id daemon; id nosuch; id -u nobody'
t groups 'groups; groups daemon root'
t logname 'logname; true'
t users 'users'
t who 'who; who -b | wc -l; who am i'
t pinky 'pinky -l root; pinky | head -n 1 | cut -c1-5'
t tty 'tty; tty -s; echo $?'
t stty 'stty -a; stty 9600'
t env 'env -i A=1 B="x y" env | sort; env -u HOME printenv HOME; env nosuchprogram; env -C / pwd; env -S "echo a b"
	env --block-signal=TERM sh -c "kill -TERM \$\$; echo alive"; env --default-signal=PIPE true; env -i; env /tmp'
t printenv 'A=7 printenv A; printenv NOSUCH; printenv HOME TERM'
t sleep 'sleep 0.1 && echo slept; sleep 0; sleep x; sleep 0.05 0.05s; timeout 0.2 sleep infinity; echo $?'
t timeout 'timeout 0.2 sleep 5; echo $?; timeout 5 true; echo $?; timeout -s KILL 0.2 sleep 5; echo $?
	timeout -k 0.2 0.2 sh -c "trap : TERM; while :; do :; done"; echo $?; timeout --preserve-status 0.1 sleep 3; echo $?; timeout 1 nosuch
	echo $?; timeout --foreground 0.1 sleep 3; echo $?; timeout -v 0.1 sleep 2; timeout 0 echo none; timeout 0.3 cat /dev/zero >/dev/null
	echo $?'
t nice 'nice; nice -n 5 nice; nice -n 19 nice; nice -n -3 nice; nice -n 30 nice; nice nosuch; nice -n 5 nice -n 3 nice'
t nohup 'nohup echo x; nohup sh -c "kill -HUP \$\$; echo survived" 2>/dev/null; nohup nosuch'
t stdbuf 'stdbuf -oL sh -c "echo a; echo b"; (stdbuf -oL awk "BEGIN { print 1; system(\"\"); exit }"); stdbuf -o0 cut -c1 <<<abc
	stdbuf -i0 head -n 1 $data/fruit; stdbuf -eL; stdbuf -o5K printf "%s\n" z'
t chroot 'chroot / id -u; chroot --userspec=1:2 / id; mkdir -p r/bin; cp /bin/dash r/bin; chroot r /bin/dash -c "echo no loader"; chroot nosuch
	chroot --groups=3,4 / id -G; chroot --skip-chdir / true'
covers coreutils
