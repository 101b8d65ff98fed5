# SPDX-License-Identifier: MIT
# The thinnest whole path: hypervisor, guest kernel, busybox from the AHCI disk; output arrives byte for byte.
. tests/boot/assert.bash

boot 0 -- echo hello
output hello
boot 0 -- 'printf "a\tb\r\n\033[1mc"; printf "\001\377" | od -An -tx1'
printf 'a\tb\r\n\033[1mc 01 ff\n' | cmp - "$out" || fail "the bytes of the output differ"
boot 0 -- printf '<%s>\n' 'two  words' "it's" '$HOME;' '' a=b
output "<two  words>
<it's>
<\$HOME;>
<>
<a=b>"
