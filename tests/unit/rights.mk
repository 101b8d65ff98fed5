# SPDX-License-Identifier: MIT
UNIT_rights := guest-kernel/socket/rights.c guest-kernel/process/interval.c
