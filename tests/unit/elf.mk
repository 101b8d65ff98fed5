# SPDX-License-Identifier: MIT
UNIT_elf := lib/base/elf.c
