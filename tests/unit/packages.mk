# SPDX-License-Identifier: MIT
UNIT_packages := vmtools/packages.c vmtools/packages_apt.c vmtools/packages_set_up.c \
	vmtools/spawn.c vmtools/say.c vmtools/compile.c vmtools/bundle.c vmtools/manifest.c \
	vmtools/manifest_check.c vmtools/manifest_entry.c vmtools/quantity.c lib/base/string.c lib/base/crc32.c lib/base/elf.c
