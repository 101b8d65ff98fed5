# SPDX-License-Identifier: MIT
UNIT_large := guest-kernel/mm/large.c tests/fake/locks.c
