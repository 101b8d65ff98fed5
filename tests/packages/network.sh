# SPDX-License-Identifier: MIT
# redis-server and python3's http.server over the loopback interface, with redis-cli, redis-benchmark and urllib: what they print is Linux's.
# limit: 900
# long
. tests/packages/packages.bash

packages $language_packages
six_choose
port_choose 2
for cpus in 1 2; do
	same_as_linux "bash /test/network.bash /var/tmp $port $six" --cpus $cpus --memory 768M --timeout 280
	known_calls
	rm -rf "$scratch"/linux/var/tmp/*
done
