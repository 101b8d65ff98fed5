# SPDX-License-Identifier: MIT
UNIT_bochs := vmtools/bochs_config.c vmtools/options.c vmtools/network.c vmtools/quantity.c vmtools/say.c lib/base/string.c
