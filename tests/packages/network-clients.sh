# SPDX-License-Identifier: MIT
# Debian's curl, wget, openssl, getent and iperf3 in the guest, as on Linux; then between the guest and this machine: curl and wget from a server here, iperf3
# each way round and both ways, dig and getent at the emulator's resolver, which asks this machine's.
# limit: 900
# long
. tests/packages/serve.bash

packages bash,coreutils,diffutils,findutils,grep,sed,procps,netbase,openssl,curl,wget,iperf3,dnsutils,nginx
six_choose
port_choose 3
for cpus in 1 2; do
	same_as_linux "bash /test/clients.bash /var/tmp $port $six" --cpus $cpus --memory 512M --net user --timeout 280
	known_calls
	rm -rf "$scratch"/linux/var/tmp/*
done

# Servers here, of the same packages; they end with the first process of their name space, when the file `stop` comes.
port_choose 3
here=$scratch/linux/var/tmp/here
mkdir -p "$here/www"
seq 200000 >"$here/www/big"
cat >"$here/nginx.conf" <<END
user root;
daemon off;
pid /var/tmp/here/pid;
error_log /var/tmp/here/error.log;
events { }
http { access_log off; server { listen 127.0.0.1:$port; root /var/tmp/here/www; } }
END
on_linux "nginx -c /var/tmp/here/nginx.conf & iperf3 -s -B 127.0.0.1 -p $((port + 1)) >/dev/null & until [ -e /var/tmp/here/stop ]; do sleep 0.3; done" &
servers=$!
trap '[ -z "$serving" ] || served_stop; touch "$here/stop"; wait $servers' EXIT

# What this machine's resolver says of a name, that of the archive which its apt uses; the guest should hear the like. It may be another of several
# addresses each time: the resolver is asked before the guest and behind it.
name=$(apt-get indextargets --format '$(SITE)' | sed -n 's|^https*://||; s|[:/].*||; /\./p' | head -n 1)
name=${name:-example.org}
resolver=$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -n 1)
resolver_says() { # [dig's options]
	on_linux "dig $* +time=5 +tries=2 +short @$resolver $name A" && grep -xE '[0-9]+(\.[0-9]+){3}' "$scratch/linux.out"
}
addresses=$(resolver_says)
echo "this machine's resolver: $name is ${addresses:-not known}"

# part NAME: of what the guest printed
part() {
	sed -n "/^== $1\$/,/^== /{/^== /d;p}" "$out"
}
in_guest 0 "
	echo == curl; curl -sS http://10.0.2.2:$port/big | cksum
	echo == wget; wget -q -O - http://10.0.2.2:$port/big | cksum
	echo == many; for i in 1 2 3 4 5 6 7 8; do curl -sS http://10.0.2.2:$port/big | cksum & done; wait
	echo == refused; curl -sS http://10.0.2.2:1/ 2>&1 | sed 's/after [0-9]* ms/at once/'
	for way in '' -R --bidir '-u -b 20M -l 1400' '-u -b 20M -l 1400 -R'; do
		for tries in 1 2 3 4 5 6 7 8; do # a server that is not done with the last client turns the next one away
			iperf3 -c 10.0.2.2 -p $((port + 1)) -t 2 \$way >/tmp/way 2>&1 && break; sleep 1
		done
		echo == iperf3 \$way; cat /tmp/way
	done
	echo == conf; grep nameserver /etc/resolv.conf
	echo == dig; dig +time=10 +tries=2 +short $name A; echo status \$?
	echo == tcp; dig +tcp +time=10 +tries=2 +short @10.0.2.3 $name A; echo status \$?
	echo == getent; getent ahostsv4 $name | sed 's/ .*//' | sort -u; echo status \$?
	echo == none; getent hosts no.such.name.invalid; echo status \$?
	echo == end" --memory 512M --net user --timeout 200
want=$(cksum <"$here/www/big")
[ "$(part curl)" = "$want" ] || fail "curl from a server of this machine"
[ "$(part wget)" = "$want" ] || fail "wget from a server of this machine"
[ "$(part many | sort | uniq -c | sed 's/^ *//')" = "8 $want" ] || fail "eight transfers at once"
part refused | grep -q 'Failed to connect\|refused' || fail "a port that nobody has is not refused"
for way in iperf3 'iperf3 -R' 'iperf3 --bidir' 'iperf3 -u -b 20M -l 1400' 'iperf3 -u -b 20M -l 1400 -R'; do
	part "$way" >"$scratch/way"
	grep -q ' receiver$' "$scratch/way" && ! grep -q 'status\|error' "$scratch/way" || fail "$way: $(cat "$scratch/way")"
	grep ' receiver$' "$scratch/way" | sed "s/^/$way: /"
done
[ "$(part conf)" = 'nameserver 10.0.2.3' ] || fail "the resolver that DHCP told is not in resolv.conf"
if [ -n "$addresses" ]; then
	addresses+=$'\n'$(resolver_says)
	by_tcp=
	resolver_says +tcp >/dev/null && by_tcp=tcp # not each resolver speaks TCP
	for asked in dig $by_tcp getent; do
		part $asked | grep -qxF "${addresses%$'\n'}" && part $asked | grep -qx 'status 0' ||
			fail "$asked does not say that $name is $addresses: $(part $asked)"
	done
else
	part dig | grep -qx 'status [09]' || fail "dig neither gets an answer nor gives up"
fi
part none | grep -qx 'status 2' || fail "a name that is not is found"
known_calls

# The other way round: clients here, a server there.
serve --timeout 600 --memory 512M --root "$scratch/image" --publish "$((port + 2)):5201" --publish "$((port + 2)):5201/udp" -- iperf3 -s
measured() {
	on_linux "iperf3 -c 127.0.0.1 -p $((port + 2)) -t 2 $1" && grep ' receiver$' "$scratch/linux.out"
}
until_true 100 measured '' || fail "iperf3 in the guest does not answer: $(cat "$scratch/linux.out" "$scratch/linux.err")"
for way in -R --bidir '-P 4' '-u -b 20M -l 1400'; do
	until_true 30 measured "$way" || fail "iperf3 $way to the guest: $(cat "$scratch/linux.out" "$scratch/linux.err")"
done
served_stop
known_calls
