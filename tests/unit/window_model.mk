# SPDX-License-Identifier: MIT
UNIT_window_model := $(MODEL)
RECORD_window_model := hv/mem/window.c hv/mem/paging.c hv/mem/format_host.c
