# SPDX-License-Identifier: MIT
# Without SVM, or without nested paging, the machine says so and does not start.
. tests/boot/assert.bash

boot 123 --cpu-flags -svm -- echo hello
said 'SVM'
[ ! -s "$out" ] || fail "something ran"
boot 123 --cpu-flags -npt -- echo hello
said 'nested paging'
