# SPDX-License-Identifier: MIT
# sqlite3 and redis-server, killed and started again, on one, two and four processors, on the disk: nothing that was told to be written is lost.
# limit: 900
# long
. tests/packages/packages.bash

packages $language_packages
for cpus in 1 2 4; do
	same_as_linux 'bash /test/sqlite.bash /var/tmp 12; bash /test/redis.bash /var/tmp' --cpus $cpus --memory 768M --timeout 280
	known_calls
	rm -rf "$scratch"/linux/var/tmp/*
done
