# SPDX-License-Identifier: MIT
UNIT_gpt := vmtools/gpt.c lib/base/crc32.c
