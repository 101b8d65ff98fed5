# SPDX-License-Identifier: MIT
UNIT_exec_object := guest-kernel/process/exec_object.c lib/base/elf.c lib/base/string.c
