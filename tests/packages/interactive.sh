# SPDX-License-Identifier: MIT
# Debian's interactive programs on the console, a pseudo-terminal of 24 lines: bash edits lines, keeps a history and stops jobs; less pages
# and searches; vim.tiny changes a file; top shows processes until it is told to stop.
. tests/packages/packages.bash

packages $shell_packages
mkfifo "$scratch/keys"
# Of a terminal that the root knows, the name goes along.
export TERM=linux LC_ALL=C.UTF-8
script -qec "stty rows 24 cols 80; \"$vmctl\" run --root \"$scratch/image\" --timeout 690" /dev/null <"$scratch/keys" >"$out" 2>&1 &
terminal=$!
exec 3>"$scratch/keys"

. tests/boot/terminal.bash

expect '# '
keys 'echo $0 $SHELL $((6*7))\r'
expect 'bash /bin/bash 42'
keys 'echo $TERM, $LANG, $(locale charmap 2>&1).\r'
expect 'linux, C.UTF-8, UTF-8.'
keys 'echo wrnog\033[D\033[D\033[D\033[3~o\033[C\033[3~n\001\033f x\005 end\r' # arrows, delete, start and end of the line
expect 'echo'
keys '\025echo fi""rst\r'
expect first
keys '\033[A\177\177\177\177\177nal""ly\r' # the last line again, changed
expect 'nally'
keys 'ls /usr/bin/vim.t\t; echo do""ne\r' # completion
expect '/usr/bin/vim.tiny'
expect done
keys 'sleep 1000\r'
expect '1000'
keys_until '\032' 'Stopped' # Ctrl-Z, which may come before the sleep runs
keys 'bg; jobs; kill %%1; wait; echo over""all\r'
expect 'Running'
expect 'overall'
keys 'seq 1000 >/tmp/n; less /tmp/n\r'
expect '22'
keys ' '
expect '45'
keys '/777\r'
expect '777'
keys 'G'
expect '1000'
keys 'q'
expect '# '
keys 'vi /tmp/new\r'
expect 'New'
keys 'ihello vim\033yyp:s/hello/second/\r:wq\r'
expect '# '
keys 'cat /tmp/new; stty size; wc -l </tmp/new; echo cat""ted\r'
expect 'hello vim'
expect 'second vim'
expect '24 80'
expect 'catted'
keys 'top\r'
expect 'load average'
expect 'COMMAND'
expect 'top'
keys 'q'
expect '# '
keys 'exit 5\r'
wait $terminal
status=$?
[ $status -eq 5 ] || fail "status $status instead of 5"
