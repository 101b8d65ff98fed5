/* SPDX-License-Identifier: MIT */
/* The machine's end in a panic. */
#ifndef PLATFORM_POWER_H
#define PLATFORM_POWER_H

/** Say "panic" with this reason where vmctl hears it, and switch off. Any context. */
_Noreturn void power_panic(const char *reason);

#endif
