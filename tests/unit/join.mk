# SPDX-License-Identifier: MIT
UNIT_join := guest-kernel/net/join.c guest-kernel/net/checksum.c lib/base/string.c
