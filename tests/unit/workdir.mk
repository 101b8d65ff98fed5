# SPDX-License-Identifier: MIT
UNIT_workdir := vmtools/workdir.c vmtools/say.c
