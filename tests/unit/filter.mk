# SPDX-License-Identifier: MIT
UNIT_filter := guest-kernel/socket/filter.c lib/base/string.c
