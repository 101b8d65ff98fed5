# SPDX-License-Identifier: MIT
UNIT_rights := guest-kernel/socket/unix/rights.c guest-kernel/process/interval.c tests/fake/locks.c
