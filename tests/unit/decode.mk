# SPDX-License-Identifier: MIT
UNIT_decode := hv/domain/decode.c
