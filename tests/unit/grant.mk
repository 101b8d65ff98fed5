# SPDX-License-Identifier: MIT
UNIT_grant := hv/domain/grant.c
