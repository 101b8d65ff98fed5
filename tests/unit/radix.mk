UNIT_radix := guest-kernel/fs/radix.c
