# SPDX-License-Identifier: MIT
UNIT_control := vmtools/control.c lib/base/string.c
