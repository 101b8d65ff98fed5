# SPDX-License-Identifier: MIT
UNIT_order := vmtools/order.c vmtools/symbols.c vmtools/say.c vmtools/figures.c vmtools/against.c vmtools/control.c lib/base/string.c
LIBS_order := -lm
