# SPDX-License-Identifier: MIT
UNIT_exec_image := guest-kernel/process/exec_arguments.c guest-kernel/process/exec_stack.c guest-kernel/process/chacha.c lib/base/string.c
