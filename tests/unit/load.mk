# SPDX-License-Identifier: MIT
UNIT_load := vmtools/load.c
LIBS_load := -lpthread
