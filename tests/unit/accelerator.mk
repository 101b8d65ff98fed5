# SPDX-License-Identifier: MIT
UNIT_accelerator := vmtools/accelerator.c vmtools/say.c
