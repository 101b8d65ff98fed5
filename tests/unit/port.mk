# SPDX-License-Identifier: MIT
UNIT_port := vmtools/port.c
