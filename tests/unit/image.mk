# SPDX-License-Identifier: MIT
UNIT_image := vmtools/image.c vmtools/spawn.c vmtools/say.c
