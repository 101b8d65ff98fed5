/* SPDX-License-Identifier: MIT */
/* The hypervisor's log: a ring in memory (console command `log`), and the control line (docs/control.md). */
#ifndef HV_LOG_H
#define HV_LOG_H

/** One line; no newline at the end. Any processor, any context but NMI. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** The hypervisor found its own invariant broken: says where, and stops the machine. */
_Noreturn void hv_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** An event for vmctl on the control line: "@ " + line. */
void control_event(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define hv_assert(c) do { if (!(c)) hv_panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)

#endif
