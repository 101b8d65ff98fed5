# SPDX-License-Identifier: MIT
UNIT_base := lib/base/format.c lib/base/crc32.c lib/base/string.c
