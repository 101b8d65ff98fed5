# SPDX-License-Identifier: MIT
UNIT_ext4 := $(wildcard lib/ext4/*.c) lib/base/format.c lib/base/string.c lib/env/host.c tests/fake/ext4_image.c
