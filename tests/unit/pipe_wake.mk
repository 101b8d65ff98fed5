# SPDX-License-Identifier: MIT
UNIT_pipe_wake := tests/fake/interleave.c
RECORD_pipe_wake := guest-kernel/fs/pipe.c guest-kernel/fs/pipe_splice.c
$(BUILD)/check/tests/unit/pipe_wake.c.o: CHECK_FLAGS += -Iguest-kernel -Idriver-domains
