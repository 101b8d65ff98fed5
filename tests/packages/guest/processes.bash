# SPDX-License-Identifier: MIT
# procps and util-linux: what they say of processes that this script makes, and what they do to them. Figures of the machine are only judged.
. /test/table.bash

judge() { # TEXT COMMAND: a condition that holds on both machines
	printf '== %s: ' "$1"
	bash -c "$2" && echo yes || echo no
}

cat >/tmp/spin <<'END'
#!/bin/bash
trap 'echo usr1; exit 3' USR1
while :; do read -t 0.05 <>/tmp/never; done
END
mkfifo /tmp/never
chmod +x /tmp/spin

t ps 'sleep 100 & p=$!; until grep -qx sleep /proc/$p/comm; do :; done
	ps -p $p -o comm=,args=,ni=,user= | tr -s " "; ps -o pid= -p $p | tr -d " " | grep -cx $p
	ps --ppid $$ -o comm= >/tmp/children; sort /tmp/children | uniq -c | tr -s " "
	ps -C sleep -o args=; kill $p; ps -p 99999 | wc -l; echo ${PIPESTATUS[0]}; ps -o bogus'
t ps '(exec -a renamed sleep 50) & p=$!; sleep 0.2; ps -o args= -p $p; kill -STOP $p; sleep 0.2; ps -o stat= -p $p | cut -c1; kill -KILL $p; sleep 0.2
	ps -o stat= -p $p | cut -c1'
judge 'ps aux shows init, us, and sane figures' 'ps aux |
	awk "NR == 1 { ok = /USER.*PID.*%CPU/ } \$2 == 1 { init = 1 } /[p]s aux/ { us = \$5 >= \$6 } END { exit !(ok && init && us) }"'
judge 'ps -ef --forest has a tree' 'sh -c "sleep 3 & ps -ef --forest" | grep -q "\\\\_ "'
judge 'ps -eLf shows threads' 'ps -eLf | head -n 1 | grep -q LWP'
judge 'top -b' 'top -b -n 2 -d 0.2 | awk "/^top - / { t++ } /^MiB Mem/ { if (\$4 > 0) m++ } /^ *PID USER/ { p++ } END { exit !(t == 2 && m == 2 && p == 2) }"'
judge 'free adds up' 'free -b | awk "/^Mem/ { exit !(\$2 > 0 && \$3 + \$4 + \$6 <= \$2 * 1.05 && \$7 <= \$2 && \$7 > 0) }"'
judge 'free -h' 'free -h -w -t | grep -q ^Total'
judge 'uptime' 'uptime | grep -qE "up .*load average: [0-9.]+, [0-9.]+, [0-9.]+"; uptime -p | grep -q ^up'
judge 'vmstat' 'vmstat 1 2 | tail -n 1 |
	awk "{ exit !(NF >= 17 && \$13 + \$14 + \$15 + \$16 + \$17 >= 98 && \$13 + \$14 + \$15 + \$16 + \$17 <= 102) } END { if (NR == 0) exit 1 }"'
judge 'w' 'w | head -n 1 | grep -q "load average"'
judge 'slabtop or its absence' 'slabtop -o 2>/dev/null | head -n 1 | grep -q . || ! [ -e /proc/slabinfo ]'
judge 'sysctl' '[ "$(sysctl -n kernel.ostype)" = Linux ]'
judge 'pmap' 'pmap -x $$ | awk "/total/ { t = \$3 > 0 && \$4 > 0 } /bash/ { b = 1 } END { exit !(t && b) }"'
judge 'tload' '! tload -V | grep -v tload'
t pgrep 'sleep 101 & p=$!; pgrep -f "sleep 101" | grep -cx $p; pgrep -P $$ -x sleep | wc -l; pgrep -P $$ -l sleep | cut -d" " -f2; pgrep nosuch; echo $?
	pkill -f "sleep 101"; wait $p; echo $?; pgrep -P $$ -c sleep'
t kill 'sleep 102 & p=$!; /bin/kill $p; wait $p; echo $?'
t pidwait 'sleep 0.3 & pidwait -x sleep; echo $?; pidwait nosuch; echo $?'
t kill '/tmp/spin & p=$!; sleep 0.5; /bin/kill -USR1 $p; wait $p; echo $?; /bin/kill -l 9; /bin/kill -l | head -n 1 | cut -c1-20; /bin/kill -0 99999
	sleep 9 & /bin/kill -TERM $!; wait $!; echo $?'
t skill 'sleep 103 & snice +5 $! ; ps -o ni= -p $! | tr -d " "; skill -KILL $!; wait $!; echo $?'
t pwdx 'cd /usr; sleep 9 & pwdx $! | cut -d: -f2; kill $!; pwdx 99999; echo $?'
t watch 'watch -v; TERM=vt100 timeout 60 watch -n 0.2 echo seen >w 2>&1 & until grep -aq seen w; do sleep 0.1; done; kill $!; grep -ao seen w | sort -u'
t renice 'sleep 9 & renice -n 7 $! | tr -d 0-9; ps -o ni= -p $! | tr -d " "; kill $!; renice -n 3 -p 99999; echo $?'
t sysctl 'sysctl nosuch.key; echo $?; sysctl -n kernel.hostname'

# util-linux
t more 'more $data/fruit | cat; more -V | cut -d" " -f1-3'
t flock 'flock lock echo locked; (flock 9; touch held; sleep 0.2; echo first) 9>l & until [ -e held ]; do sleep 0.05; done; (flock 9; echo second) 9>l
	wait; rm held; flock l bash -c "touch held; until [ -e over ]; do sleep 0.05; done" & until [ -e held ]; do sleep 0.05; done
	flock -n l echo no; echo $?; flock -w 0.1 l echo no; echo $?; touch over; wait; flock -s l true; echo $?'
t getopt 'getopt -o ab: -l long,arg: -- -a -b x --arg=y rest; getopt -o a -- -z; echo $?; getopt -T; echo $?'
t setsid 'setsid sh -c "ps -o pid=,sid= -p \$\$" | awk "{ print \$1 == \$2 }"; setsid -w sh -c "exit 5"; echo $?'
t taskset 'taskset 1 true; echo $?; taskset -p $$ | grep -c "affinity mask"; taskset -c 0 sh -c "taskset -pc \$\$" | cut -d: -f2
	taskset -c 99 true 2>&1 | sed "s/pid [0-9]*/pid/"'
t chrt 'chrt -p $$ | cut -d: -f2; chrt -m | head -n 3; chrt -o 0 true; echo $?'
t ionice 'ionice -V | cut -d" " -f1-3'
t prlimit 'prlimit --nofile=77:88 sh -c "ulimit -n; ulimit -Hn"; prlimit -o RESOURCE,SOFT --core --noheadings -p $$ | tr -s " "
	prlimit --nproc=zz true; echo $?; prlimit -n -o SOFT --noheadings sh -c "" | wc -l'
t setarch 'setarch x86_64 uname -m; linux64 echo 64; setarch -R true; echo $?; setarch nosuch true 2>&1 | wc -l'
t unshare 'unshare -V | cut -d" " -f1-3'
t mcookie 'mcookie | grep -cE "^[0-9a-f]{32}$"'
t namei 'namei $data/tree/c/link/x | sed 1d; namei -l /usr/bin/env | wc -l; namei nosuch'
t mountpoint 'mountpoint -q /proc; echo $?; mountpoint /usr; echo $?'
t findmnt 'findmnt -n -o FSTYPE /proc; findmnt -n -o TARGET /tmp; findmnt nosuch; echo $?'
t rev 'echo abc | rev'
t fallocate 'fallocate -l 1M f; echo $?; stat -c %s f; fallocate -l 0 f 2>&1 | wc -l; fallocate -n -l 4096 g; stat -c %s g'
t getent 'getent passwd root | cut -d: -f1,3,4,6; getent group daemon; getent passwd 1 | cut -d: -f1; getent hosts localhost | wc -l
	getent passwd nosuch; echo $?'
t whereis 'whereis -b ls | grep -c bin/ls'
t lscpu 'lscpu | grep -c "^Architecture: *x86_64"'
t dmesg 'dmesg -V | cut -d" " -f1-3'
t blkid 'truncate -s 8M d; /sbin/mkfs -V 2>/dev/null | cut -d" " -f1; blkid d; echo $?
	/sbin/mkswap -U 11111111-2222-3333-4444-555555555555 d 2>&1 | grep -v lsblk | tail -n 1; /sbin/blkid -o value -s TYPE d
	/sbin/swaplabel d | tail -n 1; /sbin/wipefs d | tail -n 1 | tr -s " "'
t partx 'truncate -s 4M p; partx --show p; echo $?'
t last 'last -f /var/log/wtmp | tail -n 1 | cut -d" " -f1'
t lsns 'lsns -V | cut -d" " -f1-3'
t lslocks '(flock 9; lslocks -n -o TYPE,MODE -p $BASHPID | tr -s " ") 9>/tmp/lk | head -n 1 | tr -d " "'
t ipcs 'ipcs -V | cut -d" " -f1-3; ipcmk -V | cut -d" " -f1-3'
t nsenter 'nsenter -V | cut -d" " -f1-3'
t su 'su -s /bin/sh nobody -c "id -u; echo \$HOME; touch /etc/x" ; su nosuch -c true; su -s /bin/sh daemon -c "kill -0 1"; echo $?'
t delpart 'delpart -V | cut -d" " -f1-3'
t hugepages 'grep -c HugePages_Total /proc/meminfo'
