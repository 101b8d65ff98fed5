# SPDX-License-Identifier: MIT
UNIT_capsule := vmtools/capsule.c vmtools/capsule_core.c vmtools/capsule_show.c vmtools/control.c lib/base/string.c
