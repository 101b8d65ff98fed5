# SPDX-License-Identifier: MIT
UNIT_heap := guest-kernel/mm/heap.c tests/fake/locks.c
