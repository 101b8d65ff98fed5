# SPDX-License-Identifier: MIT
UNIT_pages := guest-kernel/mm/buddy.c
