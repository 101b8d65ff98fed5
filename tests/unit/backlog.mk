# SPDX-License-Identifier: MIT
UNIT_backlog := vmtools/backlog.c vmtools/port.c
