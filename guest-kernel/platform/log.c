/* SPDX-License-Identifier: MIT */
/*
 * The kernel log, a line at a time: BH_HC_LOG on Bulkhead, "log kernel: TEXT" on COM2 of the bare machine. COM1 carries the
 * console's bytes and nothing else, unless the machine has no COM2: then a log line there is better than none.
 */
#include "platform/log.h"
#include "arch/cpu.h"
#include "arch/serial.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"

#define LINE_MAX 240

/* The latest lines, for dmesg: the byte at position p of all ever logged is at kept[p % LOG_KEPT_MAX]. Under kept_lock. */
static char kept[LOG_KEPT_MAX];
static uint64_t kept_end;
static spinlock_t kept_lock = SPINLOCK_INIT("kept log");

static unsigned short control_port = SERIAL_COM1;
static spinlock_t log_lock = SPINLOCK_INIT("log");

void log_init(void)
{
	if (platform_is_bulkhead()) {
		return;
	}
	serial_init(SERIAL_COM1);
	if (serial_init(SERIAL_COM2)) {
		control_port = SERIAL_COM2;
	}
}

void log_control_line(const char *prefix, const char *text)
{
	uint64_t flags = interrupts_save();
	bool locked = !kernel_panicking();
	if (locked) {
		spin_lock(&log_lock);
	}
	serial_write(control_port, prefix, strlen(prefix));
	serial_write(control_port, text, strlen(text));
	serial_write(control_port, "\r\n" + (control_port == SERIAL_COM2), control_port == SERIAL_COM2 ? 1 : 2);
	if (locked) {
		spin_unlock(&log_lock);
	}
	interrupts_restore(flags);
}

static void keep_locked(const char *text, unsigned long bytes)
{
	for (unsigned long i = 0; i < bytes; i++) {
		kept[kept_end++ % LOG_KEPT_MAX] = text[i];
	}
}

static void keep(const char *line, unsigned long length)
{
	if (kernel_panicking()) {
		return; /* perhaps inside of the lock's holder */
	}
	spin_lock(&kept_lock);
	keep_locked("<6>", 3);
	keep_locked(line, length);
	keep_locked("\n", 1);
	spin_unlock(&kept_lock);
}

unsigned long log_read(char *to, unsigned long size)
{
	spin_lock(&kept_lock);
	uint64_t room = size < LOG_KEPT_MAX ? size : LOG_KEPT_MAX, start = kept_end > room ? kept_end - room : 0, bytes = kept_end - start;
	for (uint64_t i = 0; i < bytes; i++) {
		to[i] = kept[(start + i) % LOG_KEPT_MAX];
	}
	spin_unlock(&kept_lock);
	return bytes;
}

void kprintf(const char *format, ...)
{
	char line[LINE_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = format_text_va(line, sizeof(line), format, arguments);
	va_end(arguments);
	length = length < LINE_MAX ? length : LINE_MAX - 1;
	while (length > 0 && line[length - 1] == '\n') {
		line[--length] = '\0';
	}
	keep(line, (unsigned long)length);
	if (platform_is_bulkhead()) {
		hypercall(BH_HC_LOG, virt_to_phys(line), (uint64_t)length, 0, 0);
	} else {
		log_control_line("log kernel: ", line);
	}
}
