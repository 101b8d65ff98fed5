# SPDX-License-Identifier: MIT
UNIT_console_lines := $(addprefix hv/console/,console.c control.c command.c log.c) lib/base/string.c lib/base/format.c
