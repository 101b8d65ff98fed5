# SPDX-License-Identifier: MIT
# bash itself: the language, and the system below it.
. /test/table.bash

t expansion 'a=(x y "z w"); echo "${a[@]}" ${#a[@]} "${a[-1]}"; declare -A m=([k]=v [j]=w); echo "${m[k]}" "${!m[@]}" | tr " " "\n" | sort; s=hello
	echo ${s:1:3} ${s^^} ${s/l/L} ${s//l/L} ${s#he} ${s%lo} ${#s} ${nope:-def}; echo {a,b}{1..3} {1..10..3}
	echo $((2**40)) $((0x1f & 7)) $((5 > 3 ? 1 : 0)); echo ~root; printf -v v %05d 42; echo $v; IFS=,; echo "${a[*]}"'
t glob 'touch a1 a2 b1 .h; echo *; echo a?; echo [!a]*; shopt -s extglob dotglob nullglob; echo !(a*); echo n*; shopt -s globstar; mkdir -p d/e
	touch d/e/f; echo **/f; echo /proc/self/st?t'
t redirect 'echo out; echo err >&2; { echo a; echo b >&2; } 2>&1 >f | cat; cat f; exec 5>g; echo five >&5; exec 5>&-; cat g; cat <<<here; cat <<A
$((1+1))
A
echo x >/nowhere/y; echo $?; set -C; echo 1 >g; exec 7<>g; read -u 7 l; echo $l; echo {fd}
exec {n}>h; [ $n -ge 10 ] && echo high; : >/dev/full; echo x >/dev/full'
t pipes 'seq 100000 | sort -rn | head -n 1; false | true; echo ${PIPESTATUS[@]}; set -o pipefail; false | true; echo $?; yes | head -n 1
	echo ${PIPESTATUS[0]}; coproc cat; echo through >&${COPROC[1]}; read l <&${COPROC[0]}; echo $l; diff <(seq 3) <(seq 4)
	tee >(wc -l >cnt) <$data/fruit >/dev/null; until [ -s cnt ]; do sleep 0.1; done
	cat cnt; for i in 1 2 3; do echo $i; done | while read x; do echo "<$x>"; done'
t jobs 'set -m; sleep 100 & jobs; kill %1; wait %1; echo $?; (sleep 0.1; exit 7) & wait -n; echo $?; sleep 5 & disown; kill $!
	(trap "echo got; exit 0" TERM; : >trapped; while :; do sleep 0.1; done) & until [ -e trapped ]; do sleep 0.1; done
	kill $!; wait $!; echo $?; { sleep 0.1; echo bg; } & wait; echo done'
t signals 'trap "echo usr" USR1; kill -USR1 $$; trap "echo bye" EXIT; trap -p | sort; (trap - TERM; kill -TERM $BASHPID; echo never); echo $?
	sh -c "kill -SEGV \$\$"; echo $?; trap "" INT; kill -INT $$; echo ignored; trap "echo chld" CHLD; true & wait; kill -l TERM 9
	kill -s RTMIN+3 $$; echo $?'
t errors 'nosuchcommand; echo $?; /tmp; echo $?; touch f; ./f; echo $?; printf "#!/nosuch\n" >g; chmod +x g; ./g; echo $?; chmod 0 f; chmod +x f
	set -u; echo $undefined; echo no'
t scripts 'printf "#!/bin/bash -e\necho \$0 \$1\nfalse\necho no\n" >s; chmod +x s; ./s arg; echo $?; printf "echo no shebang \$1\n" >n; chmod +x n
	./n x; printf "#!/usr/bin/env bash\necho env\n" >e; chmod +x e; ./e; printf "#!/bin/cat\ntext\n" >c; chmod +x c; ./c; bash -c "exit 300"
	echo $?; source <(echo "echo sourced"); eval "x=5; echo \$x"; bash -n <<<"if"; exec -a name bash -c "echo \$0"'
t functions 'f() { local x=$1; ((x > 0)) && { echo $x; f $((x - 1)); }; return 9; }; f 3; echo $?
	fact() { (($1 <= 1)) && echo 1 || echo $(($1 * $(fact $(($1 - 1))))); }; fact 10; select x in a b; do echo $x; break; done <<<2
	case abc in a*) echo A ;;& *c) echo C ;; esac; [[ abc =~ ^a(.)c$ ]] && echo ${BASH_REMATCH[1]}; getopts ab: o -b val && echo $o $OPTARG
	mapfile -t l <$data/fruit; echo ${#l[@]} "${l[2]}"; read -r -d "" -a w <<<"p q r"; echo ${w[1]}; time -p true 2>/dev/null; let y=3+4; echo $y
	printf "%q\n" "a b"; type -t cd ls if f; hash ls; command -v ls; ulimit -n; umask; caller; times | wc -l'
t limits '(ulimit -n 10; exec 15>x); echo $?; (ulimit -f 1; head -c 5000 /dev/zero >big); echo $?; stat -c %s big; (ulimit -c 0; ulimit -c)
	ulimit -Hs; (ulimit -s 256; ulimit -s)'
t subshells 'x=1; (x=2; echo $x); echo $x; echo $(echo $(echo deep)); for i in {1..50}; do (exit $i); s=$((s + $?)); done; echo $s
	echo $BASH_SUBSHELL; (echo $BASH_SUBSHELL); a=$(seq 30000); echo ${#a}; cd /; (cd /usr; pwd); pwd; pushd /tmp >/dev/null; dirs; popd
	[ $$ != $BASHPID ]; echo $?; ( [ $$ != $BASHPID ]; echo $?)'
t dash 'dash -c "x=5; echo \$((x*2)); f() { echo in f \$1; }; f a; trap \"echo end\" 0; set -- 1 2; echo \$#; [ -d / ] && echo dir; read a b <<E
p q
E
echo \$b \$a; printf %s\\\\n done; kill -l 15; ulimit -n; test 1 = 1 && echo same; cd /usr && pwd"; dash -c "nosuch"
echo $?; dash -e -c "false; echo no"; echo $?'
