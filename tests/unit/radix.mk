# SPDX-License-Identifier: MIT
UNIT_radix := guest-kernel/fs/radix.c
