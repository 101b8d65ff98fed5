/* SPDX-License-Identifier: MIT */
/* Start and end of the user's command, for whoever started the machine: hypercalls, or lines on COM2 (docs/architecture.md). */
#include "arch/cpu.h"
#include "base/format.h"
#include "kernel/platform.h"
#include "platform/acpi.h"
#include "platform/log.h"
#include "platform/power.h"
#include "sched/lock_watch.h"

#define PANIC_STATUS 128

static void event_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void event_line(const char *format, ...)
{
	char line[192];
	va_list arguments;
	va_start(arguments, format);
	format_text_va(line, sizeof(line), format, arguments);
	va_end(arguments);
	log_control_line("@ ", line);
}

static _Noreturn void machine_off(void)
{
	acpi_power_off();
	port_write16(0x604, 0x2000); /* PM1 control of QEMU's machines where no table says so */
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

void platform_started(void)
{
	if (platform_is_bulkhead()) {
		hypercall(BH_HC_POWER, BH_POWER_STARTED, 0, 0, 0);
	} else {
		event_line("started");
	}
}

void platform_power_off(int status)
{
	if (CONFIG_DEBUG) {
		lock_watch_count();
	}
	if (platform_is_bulkhead()) {
		hypercall(BH_HC_POWER, BH_POWER_OFF, (uint64_t)(unsigned)status, 0, 0);
	} else {
		event_line("exit status=%d", status);
	}
	machine_off();
}

void power_panic(const char *reason)
{
	interrupts_off();
	if (platform_is_bulkhead()) {
		kprintf("panic reason: %s", reason);
		hypercall(BH_HC_POWER, BH_POWER_PANIC, PANIC_STATUS, 0, 0);
	} else {
		event_line("panic domain=kernel reason=%s", reason);
	}
	machine_off();
}
