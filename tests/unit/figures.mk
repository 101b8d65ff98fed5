# SPDX-License-Identifier: MIT
UNIT_figures := vmtools/figures.c vmtools/against.c vmtools/control.c lib/base/string.c
LIBS_figures := -lm
