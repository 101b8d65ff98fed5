/* SPDX-License-Identifier: MIT */
/* reboot(2): every way down is a power-off, since what started the machine decides whether it starts again. */
#include "process_internal.h"

#include "abi/errno.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"

#define MAGIC1 0xfee1deadu
#define MAGIC2 0x28121969u
#define MAGIC2A 0x05121996u
#define MAGIC2B 0x16041998u
#define MAGIC2C 0x20112000u
#define RESTART 0x01234567u
#define HALT 0xcdef0123u
#define POWER_OFF 0x4321fedcu
#define CAD_ON 0x89abcdefu
#define CAD_OFF 0u

long sys_reboot(const uint64_t a[6])
{
	uint32_t magic2 = (uint32_t)a[1];
	if (!capable(CAP_SYS_BOOT)) {
		return -EPERM;
	}
	if ((uint32_t)a[0] != MAGIC1 ||
	    (magic2 != MAGIC2 && magic2 != MAGIC2A && magic2 != MAGIC2B && magic2 != MAGIC2C)) {
		return -EINVAL;
	}
	switch ((uint32_t)a[2]) {
	case RESTART:
	case HALT:
	case POWER_OFF:
		init_power_off(0);
	case CAD_ON:
	case CAD_OFF:
		return 0;
	default:
		return -EINVAL;
	}
}
