# SPDX-License-Identifier: MIT
# Without SVM, or without nested paging, the machine says so and does not start.
# not on bochs: it is about a machine of QEMU
. tests/boot/assert.bash

boot 123 --cpu-flags -svm -- echo hello
said 'SVM'
[ ! -s "$out" ] || fail "something ran"
boot 123 --cpu-flags -npt -- echo hello
said 'nested paging'
