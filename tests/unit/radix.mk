# SPDX-License-Identifier: MIT
UNIT_radix := guest-kernel/mm/radix.c
