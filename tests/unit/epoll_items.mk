# SPDX-License-Identifier: MIT
UNIT_epoll_items := guest-kernel/fs/epoll_items.c
$(BUILD)/check/tests/unit/epoll_items.c.o: CHECK_FLAGS += -Iguest-kernel
