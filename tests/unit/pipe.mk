# SPDX-License-Identifier: MIT
UNIT_pipe := guest-kernel/fs/pipe.c guest-kernel/fs/pipe_splice.c tests/fake/threads.c
