# SPDX-License-Identifier: MIT
# A root of Debian's shell and its surroundings: bash and dash speak as on Linux; owners, set-uid bits, accounts and dpkg's records are Debian's;
# programs of every package start.
. tests/packages/packages.bash

packages $shell_packages
clean "$scratch/image"
same_as_linux 'bash /test/shell.bash'
known_calls

in_guest 0 'dpkg -l | grep -c ^ii
	dpkg -S /bin/bash /usr/bin/vim.tiny
	dpkg -V
	stat -c "%a %U:%G %n" /bin/su /tmp /root /var/mail /etc/passwd
	readlink -f /usr/bin/awk /usr/bin/pager /usr/bin/vi /usr/bin/editor /bin/sh /usr/bin/which
	id nobody
	getent passwd www-data | cut -d: -f3
	ldconfig -p | grep -c libc.so.6
	for p in "find --version" "grep --version" "sed --version" "mawk -W version" "tar --version" "gzip --version" \
		"xz --version" "ps --version" "less --version" "vi --version"; do
		$p </dev/null 2>&1 | head -n 1 | cut -c1-12
	done
	ps -C ps -o comm=
	free | wc -l
	uptime | grep -c load
	top -b -n 1 | grep -c "PID USER"'
count=$(head -n 1 "$out")
[ "$count" -ge 45 ] || fail "dpkg -l lists $count packages"
tail -n +2 "$out" | diff - /dev/fd/3 3<<'END' || fail "the root is not as Debian has it"
bash: /bin/bash
vim-tiny: /usr/bin/vim.tiny
4755 root:root /bin/su
1777 root:root /tmp
700 root:root /root
2775 root:mail /var/mail
644 root:root /etc/passwd
/usr/bin/mawk
/usr/bin/less
/usr/bin/vim.tiny
/usr/bin/vim.tiny
/usr/bin/dash
/usr/bin/which.debianutils
uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)
33
1
find (GNU fi
grep (GNU gr
sed (GNU sed
mawk 1.3.4 2
tar (GNU tar
gzip 1.12
xz (XZ Utils
ps from proc
less 590 (GN
VIM - Vi IMp
ps
3
1
1
END
