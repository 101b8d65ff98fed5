# SPDX-License-Identifier: MIT
# Two machines on one network, tap devices on a bridge in a network of the host's own: each adapter has another address, and what one machine serves
# arrives at the other as it is, while the adapters' domains of both are killed.
# limit: 300
# not on bochs: it has no tap devices
if [ "$(id -u)" -ne 0 ] || ! unshare --net --mount true 2>/dev/null; then
	echo "left out: only root can make tap devices"
	exit 0
fi
[ "${APART:-}" ] || APART=1 exec unshare --net --mount bash "$0"
mount -t sysfs sysfs /sys # that of this network
. tests/boot/assert.bash

serving=
trap 'cat "$scratch/kills"; [ -z "$serving" ] || { kill $serving && wait $serving; } 2>/dev/null' EXIT
ip link set lo up
ip link add bridge type bridge && ip link set bridge up || { echo "left out: this host has no bridges" && exit 0; }
for tap in one two; do
	ip tuntap add dev $tap mode tap && ip link set $tap master bridge up || fail "the tap device $tap"
done
make_root
mkdir "$scratch/root/www"
head -c 4194304 /dev/urandom >"$scratch/root/www/file"
make_image "$scratch/root"
sum=$(md5sum <"$scratch/root/www/file")

# The first one serves until it is told to end.
"$vmctl" run --verbose --name serves-$$ --net tap=one --ip 10.77.0.1/24 --root "$scratch/image" --timeout 280 -- \
	'httpd -h /www; cat /sys/class/net/eth0/address; until [ -e /tmp/end ]; do sleep 1; done' >"$scratch/first" 2>"$scratch/first-says" &
serving=$!

# The second one fetches until both adapters' domains were killed three times.
until_started() { # FILE
	for _ in $(seq 600); do
		grep -qs '^@ started' "$1" && return
		sleep 0.1
	done
}
kill_both() {
	until_started "$err"
	for _ in 1 2 3; do
		sleep 0.3
		"$vmctl" kill e1000e --machine serves-$$ && "$vmctl" kill e1000e --machine fetches-$$ || return
	done
	echo killed
}
until_started "$scratch/first-says"
rm -f "$err"
kill_both >"$scratch/kills" 2>&1 &
killer=$!
boot 0 --name fetches-$$ --net tap=two --ip 10.77.0.2/24 --root "$scratch/image" --timeout 200 -- "
cat /sys/class/net/eth0/address
until wget -q -O /dev/null http://10.77.0.1/file 2>/dev/null; do sleep 0.1; done
while wget -q -O - http://10.77.0.1/file | md5sum; ! dmesg | grep -q 'virtio-net: epoch 4:'; do :; done | sort -u
ip neigh show 10.77.0.1 | sed 's/.* lladdr //; s/ .*//'"
wait $killer
[ "$(tail -n 1 "$scratch/kills")" = killed ] || fail "not all kills came"
first=$(tr -d '\r' <"$scratch/first" | head -n 1) second=$(head -n 1 "$out")
[ "$first" != "$second" ] || fail "both adapters have the address $first"
output "$second
$sum
$first"
kill $serving
wait $serving 2>/dev/null
serving=
echo PASS
