UNIT_heap := guest-kernel/mm/heap.c
