# SPDX-License-Identifier: MIT
UNIT_paging := hv/mem/paging.c hv/mem/format_host.c
