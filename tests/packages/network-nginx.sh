# SPDX-License-Identifier: MIT
# Debian's nginx: as README has it, reached from this machine by --publish; then with two workers, its clients in the guest, where pages, ranges, kept and
# pipelined connections, reload, graceful end and logs are as on Linux.
# limit: 900
# long
. tests/packages/serve.bash

port_choose
answers() {
	curl -sf -m 10 -o "$scratch/page" "http://127.0.0.1:$port/"
}
serve --timeout 360 --publish "$port:80" --packages nginx -- nginx -g 'daemon off;'
until_true 300 answers || fail "nginx does not answer" # its packages may have to be fetched and unpacked first
grep -q 'Welcome to nginx' "$scratch/page" || fail "it is not Debian's first page"
seq 60 | xargs -P 8 -I {} curl -sf -m 60 -o "$scratch/page.{}" "http://127.0.0.1:$port/" || fail "a request failed"
cat "$scratch"/page.* | wc -c | grep -qx $((60 * $(wc -c <"$scratch/page"))) || fail "an answer is cut off"
served_stop

packages bash,coreutils,grep,sed,procps,curl,wrk,nginx
port_choose
for cpus in 1 2; do
	same_as_linux "bash /test/nginx.bash /var/tmp $port" --cpus $cpus --memory 512M --net user --timeout 280
	grep -q 'the sum of big' "$out" || fail "no transfer was whole"
	known_calls
	rm -rf "$scratch"/linux/var/tmp/*
done
