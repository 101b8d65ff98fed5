UNIT_areas := guest-kernel/mm/area.c
