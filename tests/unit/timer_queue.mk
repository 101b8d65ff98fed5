# SPDX-License-Identifier: MIT
UNIT_timer_queue := guest-kernel/sched/timer_queue.c
