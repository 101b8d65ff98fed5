# SPDX-License-Identifier: MIT
UNIT_options := vmtools/options.c vmtools/network.c vmtools/quantity.c lib/base/string.c
