# SPDX-License-Identifier: MIT
# sqlite.bash DIR ROUNDS, in the guest and on Linux: sqlite3 in WAL mode, its writer killed again and again; no transaction may be there by half.
mkdir -p "${1:-/tmp}/sqlite" && cd "${1:-/tmp}/sqlite" || exit 1

echo == at work
sqlite3 t.db 'pragma journal_mode=wal; create table t(a integer primary key, b);
	with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000) insert into t select x, hex(x * 7919) from c;
	select count(*), sum(a) from t; create index i on t(b); pragma integrity_check; vacuum; pragma integrity_check;
	select b from t where a = 4711; delete from t where a % 3 = 0; select count(*) from t; pragma wal_checkpoint(truncate);'
sqlite3 t.db 'pragma journal_mode=delete; insert into t values(0, "zero"); select * from t limit 1; pragma journal_mode=wal;'
ls t.db*

echo == killed between begin and commit
before=$(sqlite3 t.db 'select count(*) from t')
mkfifo words && : >answers
sqlite3 t.db <words >answers &
writer=$!
exec 5>words
echo 'pragma cache_size=10; begin immediate; with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000)
	insert into t(b) select hex(randomblob(50)) from c; select "written";' >&5
until grep -qs written answers; do sleep 0.05; done
{ kill -9 $writer; wait $writer; } 2>/dev/null # the shell tells of its end wherever it hears of it
echo "status $?"
exec 5>&-
[ "$(sqlite3 t.db 'select count(*) from t')" = "$before" ] && echo as before
sqlite3 t.db 'pragma integrity_check;'

echo == killed at any time
sqlite3 u.db 'pragma journal_mode=wal; create table u(round, i, c); create index j on u(c);'
last=0
for round in $(seq "${2:-8}"); do
	: >log # there before it is looked for
	while :; do
		echo "begin; with recursive c(x) as (select 1 union all select x + 1 from c where x < 100)
			insert into u select $round, x, hex(randomblob(30)) from c; commit; select 'done';"
	done 2>/dev/null | sqlite3 u.db >log 2>/dev/null &
	writer=$!
	until [ "$(grep -c done log)" -ge "$round" ]; do sleep 0.01; done
	{ kill -9 $writer; wait $writer; } 2>/dev/null
	told=$(grep -c done log)
	here=$(sqlite3 u.db "select count(*) from u where round = $round")
	# Every transaction that was told done is there, and at most one more, which was killed before it could say so.
	[ $((here % 100)) -eq 0 ] && [ $((here / 100 - told)) -ge 0 ] && [ $((here / 100 - told)) -le 1 ] || echo "round $round: $told told, $here there"
	[ "$(sqlite3 u.db 'pragma integrity_check;')" = ok ] || echo "round $round: not ok"
	last=$((last + here))
done
[ "$(sqlite3 u.db 'select count(*) from u')" = $last ] && echo all there

echo == several writers
for w in 1 2 3; do
	for i in $(seq 20); do
		echo "insert into w values($w, $i);"
	done | sqlite3 -cmd 'pragma busy_timeout=60000; create table if not exists w(a, b);' w.db >/dev/null &
done
wait
sqlite3 w.db 'select a, count(*) from w group by a; pragma integrity_check;'
