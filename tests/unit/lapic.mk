# SPDX-License-Identifier: MIT
UNIT_lapic := hv/domain/lapic.c
