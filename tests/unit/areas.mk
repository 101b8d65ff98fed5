# SPDX-License-Identifier: MIT
UNIT_areas := guest-kernel/mm/area.c guest-kernel/mm/area_index.c
