# SPDX-License-Identifier: MIT
UNIT_vapic := hv/domain/vapic.c
