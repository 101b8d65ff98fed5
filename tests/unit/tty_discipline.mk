# SPDX-License-Identifier: MIT
UNIT_tty_discipline := guest-kernel/tty/discipline.c
