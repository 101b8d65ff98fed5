/* SPDX-License-Identifier: MIT */
/*
 * See session.h. The firmware may write to COM1 too; the guest's console begins where the machine first speaks on COM2, and what
 * was there before is kept back. The machine's end is the end of COM1's stream, so all of the guest's output is out by then.
 */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capsule.h"
#include "monotonic.h"
#include "say.h"
#include "terminal.h"

#define SECOND 1000000000ull
#define GRACE_NS (10 * SECOND) /* for the machine to power off after it has said how it ended */
#define ESCAPE 0x1d /* Ctrl-] */
#define INTERRUPT 0x03 /* Ctrl-C */
#define ESCAPES_END 3
#define STATUS_CANNOT_RUN 127 /* the guest's own, as a shell's */

enum { FD_CONTROL, FD_CONSOLE, FD_SIGNAL, FD_INPUT, FD_STEER, FD_COUNT = FD_STEER + STEER_FDS };

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGWINCH);
}

void session_block_signals(void)
{
	sigset_t set;
	signal_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void show_log(void *to, const char *line)
{
	struct session *s = to;
	if (strncmp(line, "@ ", 2) == 0) {
		steer_tell(&s->steer, line);
	}
	/* A recovery is an event and, for who has a console only, a line of the log. */
	if (say_is_verbose() && strncmp(line, "log recovery domain=", 20) != 0) {
		writer_put(&s->log_out, line, strlen(line));
		writer_put(&s->log_out, "\n", 1);
	}
}

/* Kills are answered in the order in which they were sent; what the machine says before an error is its reason. */
static void kill_answer(void *to, char kind, const char *text)
{
	struct session *s = to;
	if (kind == '=') {
		snprintf(s->kill_reason, sizeof(s->kill_reason), "%s", text);
		return;
	}
	if (kind == 'e') {
		fail(0, "kill %s failed: %s", s->options->kills[s->kills_answered].domain, s->kill_reason[0] ? s->kill_reason : text);
	} else {
		s->kills_taken++;
	}
	s->kill_reason[0] = '\0';
	s->kills_answered++;
}

/* The next kill that is due at all, by time; NULL: none left. */
static const struct kill_request *next_kill(const struct session *s)
{
	return s->kills_done < s->options->kill_count ? &s->options->kills[s->kills_done] : NULL;
}

static void send_kills(struct session *s, uint64_t now)
{
	char line[32];
	const struct kill_request *kill;
	while (s->control.started && !s->control.exited && (kill = next_kill(s)) && now >= s->control.started_ns + kill->after_ns) {
		snprintf(line, sizeof(line), "kill %s", kill->domain);
		control_send(&s->control, line, kill_answer, s);
		s->kills_done++;
	}
}

static int capsule_core(struct session *s, const char *pairs, const char *path, const char **why)
{
	struct capsule *capsule = calloc(1, sizeof(*capsule));
	*why = "no memory";
	int error = capsule ? capsule_fetch(capsule, s->machine, pairs, why) : -ENOMEM;
	if (!error) {
		error = capsule_write(capsule, path);
		*why = strerror(-error);
		capsule_free(capsule);
	}
	free(capsule);
	return error;
}

/* For a client: the last one of the domain. */
static const char *capsule_ask(void *to, const char *domain, const char **why)
{
	struct session *s = to;
	char name[16];
	*why = "it has not died on this machine";
	for (size_t i = s->control.capsule_count; i-- > 0;) {
		const char *pairs = s->control.capsules[i];
		if (control_value(pairs, "domain", name, sizeof(name)) && strcmp(name, domain) == 0) {
			snprintf(s->capsule_path, sizeof(s->capsule_path), "%s", workdir_file(s->dir, "capsule"));
			return capsule_core(s, pairs, s->capsule_path, why) == 0 ? s->capsule_path : NULL;
		}
	}
	return NULL;
}

/* Those that came since the last look, to files. */
static void write_capsules(struct session *s)
{
	char name[16], epoch[16], path[1024];
	const char *why;
	for (; s->options->capsules && s->capsules_written < s->control.capsule_count; s->capsules_written++) {
		const char *pairs = s->control.capsules[s->capsules_written];
		if (control_value(pairs, "domain", name, sizeof(name)) && control_value(pairs, "epoch", epoch, sizeof(epoch))) {
			snprintf(path, sizeof(path), "%s/%s-%s.core", s->options->capsules, name, epoch);
			if (strchr(name, '/') || capsule_core(s, pairs, path, &why) != 0) {
				fail(0, "no capsule of %s, epoch %s: %s", name, epoch, strchr(name, '/') ? "its name is none" : why);
			}
		}
	}
}

static void write_console(struct session *s, const char *bytes, size_t count)
{
	if (s->control.spoke) {
		__atomic_store_n(&s->printed, true, __ATOMIC_RELAXED);
		writer_put(&s->console_out, bytes, count);
	}
}

static void read_console(struct session *s)
{
	char bytes[16384];
	ssize_t n = recv(s->machine->console, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n > 0) {
		write_console(s, bytes, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		s->console_open = false;
	}
}

/* What came on COM1 before the machine's first word on COM2 was the firmware's. */
static void drop_firmware_output(struct session *s)
{
	char bytes[4096];
	while (recv(s->machine->console, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
	}
}

/* False at the end of the line. */
static bool read_control(struct session *s)
{
	char bytes[4096];
	ssize_t n = read(s->machine->control, bytes, sizeof(bytes));
	if (n <= 0) {
		return n < 0 && errno == EINTR;
	}
	if (!s->control.spoke) {
		drop_firmware_output(s);
	}
	control_input(&s->control, bytes, (size_t)n, monotonic_ns());
	return true;
}

static void read_input(struct session *s, struct pollfd *input)
{
	char bytes[256];
	ssize_t n = read(0, bytes, sizeof(bytes));
	if (n <= 0) {
		input->fd = -1;
		s->interactive = false;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		s->escapes = bytes[i] == ESCAPE ? s->escapes + 1 : 0;
		if (s->escapes == ESCAPES_END) {
			s->signal = SIGTERM;
			return;
		}
		if (bytes[i] == INTERRUPT && !s->control.started) { /* nobody else hears it yet */
			s->signal = SIGINT;
			return;
		}
	}
	if (write(s->machine->console, bytes, (size_t)n) < 0) {
		s->console_open = false;
	}
}

static void read_signal(struct session *s, int signals)
{
	struct signalfd_siginfo info;
	int number = read(signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
	if (number == SIGWINCH) {
		s->resized = true;
	} else {
		s->signal = number;
	}
}

/* The guest's terminal gets the size that ours has now, among its input (guest-kernel/tty/console.c). */
static void send_size(struct session *s)
{
	unsigned rows, columns;
	if (s->resized && s->interactive && s->control.started && terminal_size(&rows, &columns)) {
		const uint8_t bytes[] = { 0xff, 0x80 | (rows >> 7 & 0x7f), 0x80 | (rows & 0x7f), 0x80 | (columns >> 7 & 0x7f), 0x80 | (columns & 0x7f) };
		s->resized = false;
		if (write(s->machine->console, bytes, sizeof(bytes)) < 0) {
			s->console_open = false;
		}
	}
}

static void prepare(struct session *s, struct pollfd *fds, int signals, bool control_open)
{
	fds[FD_CONTROL] = (struct pollfd){ .fd = control_open ? s->machine->control : -1, .events = POLLIN };
	fds[FD_CONSOLE] = (struct pollfd){ .fd = s->machine->console, .events = POLLIN };
	fds[FD_SIGNAL] = (struct pollfd){ .fd = signals, .events = POLLIN };
	fds[FD_INPUT] = (struct pollfd){ .fd = s->interactive ? 0 : -1, .events = POLLIN };
	steer_poll(&s->steer, fds + FD_STEER);
}

/* Milliseconds until something is due, -1: never. */
static int wait_time(const struct session *s, uint64_t now)
{
	uint64_t due = UINT64_MAX;
	const struct kill_request *kill = s->control.started && !s->control.exited ? next_kill(s) : NULL;
	if (s->deadline_ns) {
		due = s->deadline_ns;
	}
	if (s->grace_ns && s->grace_ns < due) {
		due = s->grace_ns;
	}
	if (kill && s->control.started_ns + kill->after_ns < due) {
		due = s->control.started_ns + kill->after_ns;
	}
	if (due == UINT64_MAX) {
		return -1;
	}
	return due <= now ? 0 : (int)((due - now) / 1000000 + 1);
}

/* Does the main domain wait for this one's work? */
static bool serves_main(const struct manifest *m, const char *name)
{
	for (uint32_t i = 0; m && i < m->header.link_count; i++) {
		const struct bundle_link *link = &m->header.links[i];
		if (m->header.domains[link->front].flags & BUNDLE_MAIN && strcmp(m->header.domains[link->back].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The machine has said its last word: it may take GRACE_NS to power off. */
static bool is_ending(const struct session *s)
{
	const struct control *c = &s->control;
	return c->exited || c->refused || (c->parked && serves_main(s->manifest, c->panic_domain)) ||
	       (c->panicked && (strcmp(c->panic_domain, "hypervisor") == 0 || strcmp(c->panic_domain, "hv") == 0 ||
				strcmp(c->panic_domain, s->main_domain) == 0));
}

static void loop(struct session *s, int signals)
{
	struct pollfd fds[FD_COUNT];
	bool control_open = true;
	while (s->console_open && !s->signal && !writer_error(&s->console_out)) {
		uint64_t now = monotonic_ns();
		if (is_ending(s) && !s->grace_ns) {
			s->grace_ns = now + (s->control.exited ? GRACE_NS : SECOND);
		}
		if (s->deadline_ns && now >= s->deadline_ns && !is_ending(s)) {
			s->timed_out = true;
		}
		if (s->timed_out || (s->grace_ns && now >= s->grace_ns)) {
			return;
		}
		send_kills(s, now);
		send_size(s);
		prepare(s, fds, signals, control_open);
		if (poll(fds, FD_COUNT, wait_time(s, now)) < 0) {
			continue;
		}
		if (fds[FD_CONTROL].revents) {
			control_open = read_control(s);
			write_capsules(s);
		}
		if (fds[FD_CONSOLE].revents) {
			read_console(s);
		}
		if (fds[FD_SIGNAL].revents) {
			read_signal(s, signals);
		}
		if (fds[FD_INPUT].revents) {
			read_input(s, &fds[FD_INPUT]);
		}
		steer_serve(&s->steer, fds + FD_STEER);
	}
	while (control_open && !s->console_open && read_control(s)) {
	}
}

static bool is_isolated(const struct session *s)
{
	return s->options->mode == MODE_ISOLATED;
}

static int outcome(const struct session *s)
{
	const struct control *c = &s->control;
	const char *reason = c->reason[0] ? c->reason : "it gave no reason";
	if (c->panicked && c->told[0] && strcmp(c->told_by, c->panic_domain) == 0) {
		reason = c->told;
	}
	if (s->signal) {
		return 128 + s->signal;
	}
	if (__atomic_load_n(&s->enough, __ATOMIC_ACQUIRE)) {
		return 0;
	}
	if (s->output_error == EPIPE) {
		return 128 + SIGPIPE;
	}
	if (s->output_error) {
		return fail(VMCTL_HOST, "stdout can't be written: %s", strerror(s->output_error));
	}
	if (c->refused) {
		return fail(VMCTL_REFUSED, "the machine refused to start: %s", reason);
	}
	if (c->exited && c->exit_status == STATUS_CANNOT_RUN && strcmp(c->init_by, is_isolated(s) ? s->main_domain : "kernel") == 0) {
		return fail(VMCTL_IMAGE, "the guest can't start a command from this root: it cannot %s", c->init_error);
	}
	if (c->exited) {
		return c->exit_status;
	}
	if (s->timed_out) {
		return fail(VMCTL_TIMEOUT, "%s within %.6g s", c->started ? "the command did not end" : "the machine did not come up",
			    (double)s->options->timeout_ns / (double)SECOND);
	}
	if (c->parked && serves_main(s->manifest, c->panic_domain)) {
		return fail(VMCTL_PANIC, "domain %s was given up, and nothing goes on without it: %s", c->panic_domain, reason);
	}
	if (c->panicked) {
		return fail(VMCTL_PANIC, "%s gave up: %s", c->panic_domain, reason);
	}
	return fail(VMCTL_DIED, "the machine ended without a word %s (reset, triple fault, or %s itself)",
		    c->started ? "while the command ran" : "before the command started", s->machine->kind->name);
}

/* Kills that never came about: the command was quicker. */
static void tell_kills_left(const struct session *s)
{
	for (unsigned i = s->kills_done; i < s->options->kill_count && s->control.exited; i++) {
		fail(0, "--kill %s@%.6g: the command had ended before", s->options->kills[i].domain, (double)s->options->kills[i].after_ns / (double)SECOND);
	}
}

int session_run(struct session *s)
{
	sigset_t set;
	signal_set(&set);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (writer_open(&s->console_out, s->output) != 0 || writer_open(&s->log_out, 2) != 0) {
		return fail(VMCTL_HOST, "no thread for output");
	}
	s->control.log = show_log;
	s->control.log_to = s;
	s->steer.capsule = capsule_ask;
	s->steer.capsule_to = s;
	s->console_open = true;
	if (!s->main_domain) {
		s->main_domain = "guest";
	}
	s->begin_ns = monotonic_ns();
	s->deadline_ns = s->options->timeout_ns ? s->begin_ns + s->options->timeout_ns : 0;
	if (s->interactive) {
		terminal_raw();
	}
	loop(s, signals);
	s->output_error = writer_close(&s->console_out, s->signal);
	writer_close(&s->log_out, s->signal);
	terminal_restore();
	if (s->escapes == ESCAPES_END) {
		fputs("\n[the machine was ended]\n", stderr);
	}
	close(signals);
	tell_kills_left(s);
	return outcome(s);
}
