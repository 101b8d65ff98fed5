# SPDX-License-Identifier: MIT
UNIT_signal_queue := guest-kernel/process/signal.c tests/fake/locks.c
