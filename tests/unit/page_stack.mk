# SPDX-License-Identifier: MIT
UNIT_page_stack := guest-kernel/mm/buddy.c guest-kernel/mm/page_stack.c
