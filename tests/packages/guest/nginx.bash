# SPDX-License-Identifier: MIT
# nginx with two workers and sendfile, clients curl and wrk over the loopback interface: nginx.bash DIR PORT prints what the clients see: pages,
# ranges, conditions, kept and pipelined connections, a reload and a graceful end with transfers under way, the access log.
dir=$1/nginx port=$2
at=http://127.0.0.1:$port
rm -rf "$dir" && mkdir -p "$dir/www" && cd "$dir" || exit 1

# configure NUMBER: it is in a header of each answer.
configure() {
	cat >nginx.conf <<END
user root;
worker_processes 2;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 256; }
http {
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 65;
	keepalive_requests 100000;
	log_format short '\$request_method \$uri \$status \$body_bytes_sent';
	access_log $dir/access.log short;
	server {
		listen 127.0.0.1:$port;
		root $dir/www;
		add_header X-Configuration $1 always;
		location /slow/ { alias $dir/www/; limit_rate 40k; }
		location = /moved { return 301 /small; }
	}
}
END
}

get_into() { # FILE PATH [curl's options]: what came is in FILE; its status and length, and a sum of it
	local body=$1 path=$2
	shift 2
	: >"$body"
	curl -s -m 60 -o "$body" -w '%{http_code} %{size_download} ' "$@" "$at$path"
	cksum <"$body"
}

get() { # PATH [curl's options]
	local body
	body=$(mktemp)
	get_into "$body" "$@"
	rm "$body"
}

get_slowly() { # NAME: in the background; when this returns, the transfer is under way. NAME has what get says
	: >"$1.body"
	get_into "$1.body" /slow/big >"$1" &
	slow=$!
	until_true test -s "$1.body" || echo "no slow transfer begins"
}

until_true() { # COMMAND...: for up to 20 s
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}
workers() {
	pgrep -P "$master" | wc -l
}
two_workers() { [ "$(workers)" -eq 2 ]; }
listens() { : 2>/dev/null <"/dev/tcp/127.0.0.1/$port"; }
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
configuration_is() { curl -s -m 5 -o /dev/null -D - "$at/small" | grep -q "X-Configuration: $1"; }

seq 20000 | head -c 102400 >www/big
echo hello >www/small
: >www/empty
cksum <www/big >sum
sum=$(cat sum)
mkdir www/directory
same() { sed "s/$sum/the sum of big/"; }

configure 1
nginx -c "$dir/nginx.conf" -g 'daemon off;' &
master=$!
until_true listens 2>/dev/null || echo "nothing listens"
until_true two_workers
echo "workers: $(workers)"

echo "== pages"
{
	get /small
	get /empty
	get /big
	get /none
	get /moved
	get /directory/
	curl -sI -m 60 "$at/big" | grep -vE '^(Date|Last-Modified|ETag)'
	get /big -r 100000-
	get /big -r 0-0
	get /big -r 200000-
	get /small -X POST
	get /small -X BREW
	get /small -H "If-Modified-Since: $(date -u -d tomorrow '+%a, %d %b %Y %H:%M:%S GMT')"
	get "/../../etc/passwd" --path-as-is
} | same

echo "== one connection"
curl -sv -m 60 -w '%{http_code} %{size_download}\n' $(for i in $(seq 20); do echo "-o /dev/null $at/big"; done) 2>log | sort | uniq -c
grep -c 'Re-using existing connection' log
exec 5<>"/dev/tcp/127.0.0.1/$port"
for path in small none empty small; do
	printf 'GET /%s HTTP/1.1\r\nHost: x\r\n' $path
	[ $path != none ] || echo -e 'X-None: 1\r'
	echo -e '\r'
done >&5
printf 'GET /small HTTP/1.0\r\n\r\n' >&5
tr -d '\r' <&5 | grep -aE '^(HTTP|hello|Content-Length|Connection)'
exec 5<&-

echo "== at once"
for i in $(seq 12); do
	get /big >"at.$i" &
	pids[i]=$!
done
wait "${pids[@]}"
cat at.* | same | sort | uniq -c
wrk -t 1 -c 64 -d 3 "$at/small" >log
grep -E 'Socket errors|Non-2xx' log
wrk -t 1 -c 32 -d 3 "$at/big" >log
grep -E 'Socket errors|Non-2xx' log

echo "== reload"
get_slowly slow.1
configure 2
kill -HUP $master
until_true configuration_is 2 || echo "the old configuration stays"
get /big | same
wait $slow
same <slow.1
until_true two_workers || echo "$(workers) workers"
configure 'three; and a mistake'
kill -HUP $master
until_true grep -q 'invalid number of arguments\|unknown directive' error.log || echo "no mistake was seen"
get /big | same

echo "== logs"
mv access.log old.log
kill -USR1 $master
until_true test -e access.log
get /small >/dev/null
until_true has_lines access.log 1
cat access.log
sed -n '1,/curl/p' old.log | head -n 14

echo "== quit"
get_slowly slow.2
kill -QUIT $master
until_true eval '! listens' 2>/dev/null || echo "it listens still"
wait $slow
same <slow.2
wait $master
echo "status $?"
tail -n 1 access.log
grep -aE 'alert|crit|emerg' error.log | grep -vE 'invalid number|unknown directive|initgroups'
ls pid 2>&1 | sed 's/.*: //'
