UNIT_pages := guest-kernel/mm/buddy.c
