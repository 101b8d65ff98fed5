UNIT_signal_queue := guest-kernel/process/signal.c
