# SPDX-License-Identifier: MIT
# curl, wget, dig, getent and iperf3 between processes of one machine: clients.bash DIR PORT [six] prints what they say, at three ports from PORT on.
# six: there is IPv6.
dir=$1/clients port=$2 six=$3
rm -rf "$dir" && mkdir -p "$dir/www/sub" && cd "$dir" || exit 1
at=http://127.0.0.1:$port
seq 100000 >www/big
echo '<a href="sub/one">one</a> <a href="sub/two">two</a>' >www/index.html
echo one >www/sub/one
echo two >www/sub/two
sum=$(cksum <www/big)
same() { sed "s/$sum/the sum of big/"; }
cat >nginx.conf <<END
user root;
worker_processes 1;
pid $dir/pid;
error_log $dir/error.log;
events { }
http {
	access_log off;
	client_body_temp_path $dir/body;
	server {
		listen 127.0.0.1:$port;
		${six:+listen [::1]:$port;}
		listen $((port + 1)) ssl http2;
		ssl_certificate $dir/certificate;
		ssl_certificate_key $dir/key;
		root $dir/www;
		location /put/ { dav_methods PUT DELETE; }
		location /moved/ { rewrite ^/moved/(.*) /\$1 redirect; }
	}
}
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out certificate -days 3650 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>log || cat log
nginx -c "$dir/nginx.conf" || cat error.log

echo "== curl"
curl -s $at/big | cksum | same
[ -z "$six" ] || curl -s "http://[::1]:$port/sub/one"
curl -s "http://localhost:$port/sub/two"
curl -sL -w '%{num_redirects} %{url_effective}\n' $at/moved/sub/one
curl -s -Z --parallel-max 8 $(for i in $(seq 16); do echo "-o got.$i $at/big"; done) 2>log
cat got.* | cksum
mkdir www/put
curl -s -T www/big -o log -w '%{http_code}\n' $at/put/big
cksum <www/put/big | same
curl -s -C 100000 -o part $at/big
tail -c +100001 www/big | cmp - part && echo "the rest"
curl -sS --limit-rate 400k $at/big | cksum | same
curl -sS --cacert certificate https://localhost:$((port + 1))/big | cksum | same
curl -sS --cacert certificate -w '%{http_version}\n' https://127.0.0.1:$((port + 1))/sub/one
curl -sS -o log https://localhost:$((port + 1))/ 2>&1 | head -n 1
curl -sS -m 5 http://127.0.0.1:9/ 2>&1 | sed 's/after [0-9]* ms/after a while/'
curl -sS --http2 --cacert certificate -Z $(for i in $(seq 8); do echo "-o got.$i https://localhost:$((port + 1))/big"; done) 2>log
cat got.[1-8] | cksum

echo "== wget"
wget -q -O - $at/big | cksum | same
wget -q -r -nH -P tree $at/
find tree -type f | sort
wget -q -O - --ca-certificate=certificate https://localhost:$((port + 1))/sub/two
wget -q -O - https://localhost:$((port + 1))/sub/two
echo "status $?"
wget -q -O - $at/none
echo "status $?"
head -c 100000 www/big >big && wget -q -c $at/big && cksum <big | same
openssl s_client -brief -CAfile certificate -connect localhost:$((port + 1)) </dev/null 2>&1 | grep -E 'Protocol|Verification'
kill "$(cat pid)"

echo "== names"
getent hosts localhost
getent ahosts 127.0.0.1
getent ahostsv4 localhost
getent services http
getent protocols icmp
getent hosts no.such.name.invalid
echo "status $?"

echo "== iperf3"
iperf3 -s -B 127.0.0.1 -p $((port + 2)) -D --pidfile "$dir/iperf.pid" --logfile "$dir/iperf.log"
for tries in $(seq 100); do
	: 2>/dev/null <"/dev/tcp/127.0.0.1/$((port + 2))" && break
	sleep 0.1
done
measure() {
	local json tries
	for tries in $(seq 20); do # a server that is not done with the last client turns the next one away
		json=$(timeout 60 iperf3 -c 127.0.0.1 -p $((port + 2)) -J "$@")
		grep -q '"error"' <<<"$json" || break
		sleep 1
	done
	grep -E '"error"' <<<"$json"
	grep -c '"sum_received"\|"sum"' <<<"$json" | grep -c '[1-9]'
}
measure -n 20M
measure -n 20M -R
measure -n 20M -P 4
measure -t 2 --bidir
measure -n 4M -u -b 20M -l 1400
measure -n 4M -u -b 20M -l 1400 -R
measure -n 4M -Z
kill "$(tr -d '\0' <iperf.pid)"
