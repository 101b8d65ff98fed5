# SPDX-License-Identifier: MIT
# redis-server and Python's HTTP server, with clients of their own over the loopback interface: network.bash DIR PORT [six] prints what both sides say, at
# two ports from PORT on. six: there is IPv6.
dir=$1/network port=$2 six=$3
rm -rf "$dir" && mkdir -p "$dir" && cd "$dir" || exit 1

echo "== redis"
redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir" --daemonize no >log 2>&1 &
server=$!
for _ in $(seq 100); do
	redis-cli -p "$port" ping >answer 2>&1 && break
	sleep 0.1
done
cat answer
cli() {
	redis-cli -h 127.0.0.1 -p "$port" "$@"
}
cli set greeting hello
cli get greeting
cli lpush list a b c
cli lrange list 0 -1
for i in $(seq 200); do echo "incr counter"; done | cli | tail -n 1
head -c 300000 /dev/zero | tr '\0' x | cli -x set big
cli strlen big
cli get big | cksum
cli subscribe news >heard 2>&1 &
listener=$!
for _ in $(seq 100); do
	[ "$(cli publish news now)" = 1 ] && break
	sleep 0.1
done
for _ in $(seq 50); do
	grep -q now heard && break
	sleep 0.1
done
grep -c now heard
kill $listener
redis-benchmark -p "$port" -n 300 -c 20 -t set,get,lpush -q 2>&1 | tr '\r' '\n' | sed -n 's/^\([A-Z]*\): [0-9.inf]* requests per second.*/\1 done/p'
redis-benchmark -p "$port" -n 300 -c 5 -P 16 -t set -q 2>&1 | tr '\r' '\n' | sed -n 's/^\([A-Z]*\): [0-9.inf]* requests per second.*/\1 pipelined/p'
cli info clients | tr -d '\r' | grep connected_clients
[ -z "$six" ] || redis-cli -h ::1 -p "$port" ping 2>&1 | sed 's/ at .*//'
cli shutdown nosave
wait $server
echo "status $?"
cli ping 2>&1

echo "== http"
head -c 200000 /dev/zero | tr '\0' y >big.txt
echo small >small.txt
python3 -u -m http.server --bind 127.0.0.1 $((port + 1)) >http.log 2>&1 &
server=$!
cat >client.py <<'END'
import concurrent.futures, socket, sys, time, urllib.error, urllib.request, zlib
port, six = int(sys.argv[1]), sys.argv[2:]
def get(name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=20) as answer:
        data = answer.read()
        return answer.status, len(data), zlib.crc32(data)
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
print(get("small.txt"))
print(get("big.txt"))
try:
    get("none")
except urllib.error.HTTPError as error:
    print(error.code, error.reason)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sorted(pool.map(get, ["small.txt", "big.txt"] * 6)))
print(socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))
try:
    socket.create_connection(("127.0.0.1", 1))
except OSError as error:
    print(error.strerror)
if six:
    a = socket.create_server(("::1", 0), family=socket.AF_INET6)
    b = socket.create_connection(a.getsockname()[:2])
    c, peer = a.accept()
    b.sendall(b"over six")
    print(c.recv(100), peer[0])
END
python3 client.py $((port + 1)) $six
kill $server
wait $server
grep -c '"GET /big.txt' http.log
