# SPDX-License-Identifier: MIT
UNIT_manifest := vmtools/manifest.c vmtools/manifest_check.c vmtools/manifest_entry.c vmtools/quantity.c lib/base/string.c
