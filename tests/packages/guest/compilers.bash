# SPDX-License-Identifier: MIT
# In the guest and on Linux: gcc, tcc and make build programs, which run; perl with processes, pipes, sockets and threads; lua.
mkdir -p /tmp/compilers && cd /tmp/compilers || exit 1

echo == gcc
cat >threads.c <<'X'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *work(void *p)
{
	double sum = 0;
	for (long i = 1; i <= 1000; i++) {
		sum += sqrt((double)i * (double)(long)p);
	}
	double *out = malloc(sizeof(*out));
	*out = sum;
	return out;
}
int main(void)
{
	pthread_t t[8];
	double all = 0;
	for (long i = 0; i < 8; i++) {
		pthread_create(&t[i], NULL, work, (void *)(i + 1));
	}
	for (int i = 0; i < 8; i++) {
		void *one;
		pthread_join(t[i], &one);
		all += *(double *)one;
		free(one);
	}
	printf("sum %.6f\n", all);
	return 7;
}
X
gcc -O2 -Wall -Werror -pthread -o threads threads.c -lm && ./threads
echo "status $?"
gcc -O0 -g -static -pthread -o static threads.c -lm && ./static
echo "status $?"
gcc -shared -fPIC -o libtwo.so -x c - <<<'int two(void) { return 2; }'
gcc -o uses -x c - -x none ./libtwo.so -Wl,-rpath,. <<<'int two(void); int main(void) { return two(); }'
./uses
echo "status $?"
gcc -c -o nothing.o -x c - <<<'int main(void) { return missing; }' 2>&1 | grep -c 'undeclared'

echo == tcc
tcc -o small threads.c -lpthread -lm && ./small
echo "status $?"
tcc -run - <<<'#include <stdio.h>
int main(void) { puts("compiled and run at once"); return 5; }'
echo "status $?"

echo == make
mkdir -p many && cd many || exit 1
for i in $(seq 12); do
	echo "int f$i(void) { return $i; }" >f$i.c
done
{
	for i in $(seq 12); do echo "int f$i(void);"; done
	echo 'int printf(const char *, ...); int main(void) { printf("%d\n", 0'
	for i in $(seq 12); do echo "+ f$i()"; done
	echo '); return 0; }'
} >main.c
printf 'objects := $(patsubst %%.c,%%.o,$(wildcard *.c))\nmany: $(objects)\n\t@tcc -o $@ $^\n%%.o: %%.c\n\t@tcc -c -o $@ $<\n' >Makefile
make -s -j4 && ./many && make && touch f3.c && make -n | wc -l
cd ..

echo == perl
perl -e 'use Socket; socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or die;
	if (my $p = fork) { close B; print A "hello\n"; close A; waitpid $p, 0; print "status $?\n" }
	else { close A; my $l = <B>; print "child $l"; exit 3 }'
perl -e '$| = 1; open P, "-|", "ls /bin/ | grep -c perl" or die; print <P>; close P; print "$?\n";
	$SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 5;
	my $sum = 0; for (1 .. 20) { fork or exit $_ } while ((my $p = wait) > 0) { $sum += $? >> 8 } print "$sum\n";
	pipe R, W; if (!fork) { close R; print W "x" x 300000; exit } close W;
	my $n = 0; while (sysread R, my $b, 4096) { $n += length $b } print "$n\n"'
perl -MIO::Socket::UNIX -e 'my $l = IO::Socket::UNIX->new(Local => "s", Listen => 5) or die $!; $| = 1;
	for (1 .. 4) { if (!fork) { my $c = IO::Socket::UNIX->new(Peer => "s") or die $!; print $c "$_\n"; exit !(<$c> == $_ * $_) } }
	for (1 .. 4) { my $c = $l->accept; my $x = <$c>; print $c $x * $x, "\n"; close $c }
	my $bad = 0; while (wait > 0) { $bad += $? != 0 } print "$bad wrong answers\n"'
perl -Mthreads -Mthreads::shared -e 'my $n : shared = 0;
	my @t = map { threads->create(sub { for (1 .. 200) { lock $n; $n++ } $_[0] }, $_) } 1 .. 4; print join(",", map { $_->join } @t), " $n\n"'
perl -MIPC::Open3 -e 'my $p = open3(my $in, my $out, undef, "tr a-z A-Z"); print $in "shout\n"; close $in; print <$out>; waitpid $p, 0; print $?, "\n"'
perl -MPOSIX -e 'my ($r, $w) = POSIX::pipe; my $p = fork; if (!$p) { POSIX::setsid; POSIX::write($w, getpgrp == $$ ? "leader\n" : "no\n", 7); POSIX::_exit(9) }
	POSIX::read($r, my $b, 100); print $b; waitpid $p, 0; print WEXITSTATUS($?), "\n"; print "tmp\n" if -w POSIX::getcwd'
perl -MTime::HiRes=setitimer,ITIMER_REAL,sleep -e 'my $n = 0; $SIG{ALRM} = sub { $n++ }; setitimer(ITIMER_REAL, 0.02, 0.02);
	sleep 0.1 while $n < 5; setitimer(ITIMER_REAL, 0); print "ticked\n"'

echo == lua
lua5.4 -e 'local t = {} for i = 1, 1e5 do t[i] = (i * 7919) % 100003 end table.sort(t) print(t[1], t[#t], #t, os.time() > 1e9)
	local p = io.popen("cat >sorted", "w") for i = 1, 1000 do p:write(t[i], "\n") end print(p:close()) local n = 0
	for line in io.lines("sorted") do n = n + line end print(n, os.rename("sorted", "s2"), os.remove("s2"), io.open("sorted"))
	local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(co(), co(), co(), #string.rep("x", 1 << 24))'
