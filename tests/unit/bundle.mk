# SPDX-License-Identifier: MIT
UNIT_bundle := vmtools/bundle.c vmtools/manifest.c vmtools/manifest_check.c vmtools/manifest_entry.c vmtools/quantity.c \
	lib/base/string.c lib/base/elf.c lib/base/crc32.c
