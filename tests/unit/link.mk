# SPDX-License-Identifier: MIT
UNIT_link := hv/domain/link.c
