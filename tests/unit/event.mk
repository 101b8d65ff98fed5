# SPDX-License-Identifier: MIT
UNIT_event := hv/domain/event.c
