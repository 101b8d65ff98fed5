# SPDX-License-Identifier: MIT
UNIT_acpi := hv/acpi/acpi.c hv/cpu/madt.c
