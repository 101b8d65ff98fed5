# SPDX-License-Identifier: MIT
UNIT_pool := hv/mem/pool.c hv/cpu/spinlock.c hv/boot/ram.c
