# SPDX-License-Identifier: MIT
UNIT_net_fragment := guest-kernel/net/fragment.c guest-kernel/net/isn.c guest-kernel/net/checksum.c
