# SPDX-License-Identifier: MIT
UNIT_pipe := guest-kernel/fs/pipe.c tests/fake/threads.c
