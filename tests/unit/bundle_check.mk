# SPDX-License-Identifier: MIT
UNIT_bundle_check := hv/domain/bundle.c lib/base/crc32.c
