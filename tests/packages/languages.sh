# SPDX-License-Identifier: MIT
# gcc, tcc, make, perl, lua, git, sqlite3 and python3 on two processors as on Linux; stress-ng's stressors for a moment each.
# limit: 1500
. tests/packages/packages.bash

packages $language_packages
same_as_linux 'bash /test/compilers.bash; bash /test/sqlite.bash /var/tmp 2; python3 /test/python.py; bash /test/git.bash' \
	--cpus 2 --memory 768M --timeout 600
known_calls
in_guest 0 'bash /test/stress.bash 1' --cpus 2 --memory 768M --timeout 500
