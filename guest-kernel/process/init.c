/* SPDX-License-Identifier: MIT */
/*
 * PID 1, a kernel thread without user memory: it starts the command or the shell as PID 2, reaps what is orphaned, and when
 * PID 2 has ended brings the machine down: sync, SIGTERM, SIGKILL, sync, power off with the command's status.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/trap.h"
#include "kernel/tty.h"
#include "mm/provoke.h"

#define O_RDONLY 0u
#define O_RDWR 2u
#define O_NOCTTY 0x100u
#define NO_LIMIT UINT64_MAX
#define GRACE_NS 1000000000ull /* for SIGTERM's handlers */
#define SHELL "/bin/sh"
#define CONSOLE_SHELL "/bin/bash" /* on the console, where the root has it: root's in Debian */
#define STATUS_CANNOT_RUN 127


static bool raw_console; /* it carries the command's output to a file or a program, as it is */
static char *command; /* the text for sh -c; NULL: an interactive shell */
static uint32_t command_pid;
static bool power_requested; /* under process_lock */

void init_signal_locked(int signal)
{
	/* What busybox's poweroff, reboot and halt send to their init. */
	if (signal == SIGUSR1 || signal == SIGUSR2 || signal == SIGTERM) {
		power_requested = true;
		waitq_wake_all(&init_process->child_event);
	}
}

static const char *error_text(int error)
{
	switch (-error) {
	case ENOENT:
		return "No such file or directory";
	case EACCES:
		return "Permission denied";
	case ENOEXEC:
		return "Exec format error";
	case ENOMEM:
		return "Cannot allocate memory";
	case EIO:
		return "Input/output error";
	case E2BIG:
		return "Argument list too long";
	case ELOOP:
		return "Too many levels of symbolic links";
	case ENOTDIR:
		return "Not a directory";
	default:
		return "error";
	}
}

static void limits_set(struct process *p)
{
	for (int i = 0; i < RLIMIT_COUNT; i++) {
		p->rlimits[i] = (struct rlimit_pair){ NO_LIMIT, NO_LIMIT };
	}
	p->rlimits[RLIMIT_NICE] = p->rlimits[RLIMIT_RTPRIO] = (struct rlimit_pair){ 0, 0 };
	p->rlimits[RLIMIT_STACK].soft = 8ull << 20;
	p->rlimits[RLIMIT_CORE].soft = 0;
	p->rlimits[RLIMIT_NPROC].soft = p->rlimits[RLIMIT_NPROC].hard = process_threads_most() / 2; /* root has the other half */
	p->rlimits[RLIMIT_NOFILE] = (struct rlimit_pair){ 1024, 4096 };
	p->rlimits[RLIMIT_MEMLOCK] = (struct rlimit_pair){ 8ull << 20, 8ull << 20 };
}

/* By its name, so that programs find it again (ttyname), or as it is where /dev is not. */
static struct file *open_console(void)
{
	int error;
	struct file *file = file_open_path("/dev/console", O_RDWR | O_NOCTTY, 0, &error);
	return file ? file : tty_console_open(O_RDWR);
}

/* Descriptors 0, 1, 2. Where nobody sits at the console there is nothing to be read. */
static int open_standard_files(void)
{
	int error = -ENOMEM;
	for (int i = 0; i < 3; i++) {
		struct file *file = i == 0 && raw_console ? file_open_path("/dev/null", O_RDONLY, 0, &error) : open_console();
		int fd = file ? fd_install(file, false) : error;
		if (fd < 0) {
			return fd;
		}
	}
	return 0;
}

/* Programs that draw look a terminal's name up: one that the root does not know is of no use to them (terminfo(5)). */
static bool terminal_is_known(const char *name)
{
	static const char *const databases[] = { "/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo" };
	char path[64];
	int error;
	if (!*name || *name == '.') {
		return false;
	}
	for (unsigned i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
		format_text(path, sizeof(path), "%s/%c/%s", databases[i], *name, name);
		struct file *file = file_open_path(path, O_RDONLY, 0, &error);
		if (file) {
			file_put(file);
			return true;
		}
	}
	return false;
}

/* The command by SHELL, or a login shell. */
static int run_shell(struct trap_frame *frame)
{
	char name[32], term[40] = "TERM=vt100", lang[40] = "LANG=";
	if (cmdline_option("TERM", name, sizeof(name)) && terminal_is_known(name)) {
		format_text(term, sizeof(term), "TERM=%s", name);
	}
	const char *environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		term,
		"USER=root",
		"LOGNAME=root",
		"SHELL=" CONSOLE_SHELL,
		cmdline_option("LANG", lang + 5, sizeof(lang) - 5) ? lang : NULL,
		NULL,
	};
	const char *const login[] = { "-bash", NULL };
	const char *const arguments[] = { command ? "sh" : "-sh", command ? "-c" : NULL, command, NULL };
	int error = command ? -ENOENT : exec_kernel(CONSOLE_SHELL, login, environment, frame);
	if (error != -ENOENT) {
		return error;
	}
	environment[5] = "SHELL=" SHELL;
	return exec_kernel(SHELL, arguments, environment, frame);
}

/* PID 2's first act, in its own context. */
static void command_begin(struct trap_frame *frame)
{
	tty_console_claim(raw_console);
	int error = open_standard_files();
	if (error) {
		kprintf("init: cannot open the console or /dev/null: %s%s (%d)", error_text(error),
			error == -ENOENT ? ", the root has no directory /dev to mount on" : "", error);
		process_exit(STATUS_CANNOT_RUN << 8);
	}
	platform_started();
	error = run_shell(frame);
	if (error) {
		kprintf("init: cannot run " SHELL ": %s (%d)", error_text(error), error);
		process_exit(STATUS_CANNOT_RUN << 8);
	}
}

static struct process *process_bare(const char *name)
{
	struct process *p = process_create(NULL);
	if (!p) {
		kernel_panic("no memory for %s", name);
	}
	string_copy(p->name, name, sizeof(p->name));
	limits_set(p);
	capabilities_of_first(&p->credentials);
	p->pgid = p->sid = p->pid;
	return p;
}

static void command_start(void)
{
	struct process *p = process_bare("sh");
	const struct trap_frame nowhere = { .vector = 0, .error = UINT64_MAX, .cs = USER_CS, .ss = USER_SS, .rflags = 2 };
	p->files = file_table_create();
	p->fs = fs_context_create();
	struct thread *t = p->files && p->fs ? thread_create_user(p, &nowhere) : NULL;
	if (!t || !process_thread_attach(p, t, p->pid)) {
		kernel_panic("no memory for the first program");
	}
	t->user->begin = command_begin;
	t->signal_pending = true;
	command_pid = p->pid;
	spin_lock(&process_lock);
	process_thread_add_locked(p, t);
	p->signals->thread_count = 1;
	process_publish_locked(p, init_process);
	spin_unlock(&process_lock);
	thread_start(t);
}

/* The module's text without the newline at its end. */
static void command_take(void)
{
	unsigned long length = 0;
	const char *text = platform_command(&length);
	if (!text) {
		return;
	}
	while (length && (text[length - 1] == '\n' || text[length - 1] == '\0')) {
		length--;
	}
	command = kzalloc(length + 1);
	if (!command) {
		kernel_panic("no memory for a command of %lu bytes", length);
	}
	memcpy(command, text, length);
}

/* Reap one dead child. False: none. */
static bool reap(uint32_t *pid, int *code)
{
	struct process *dead = NULL;
	spin_lock(&process_lock);
	list_for_each(node, &init_process->children)
	{
		struct process *child = container_of(node, struct process, sibling_link);
		if (child->zombie) {
			dead = child;
			break;
		}
	}
	if (dead) {
		process_unpublish_locked(dead);
	}
	spin_unlock(&process_lock);
	if (!dead) {
		return false;
	}
	*pid = dead->pid;
	*code = dead->exit_code;
	process_free(dead);
	return true;
}

static bool others_left(void)
{
	spin_lock(&process_lock);
	bool left = process_list.next->next != &process_list; /* PID 1 is always there */
	spin_unlock(&process_lock);
	return left;
}

static void signal_everyone(int signal)
{
	struct signal_info info = { .signal = signal, .code = SI_USER, .pid = 1 };
	struct signal_info go_on = { .signal = SIGCONT, .code = SI_USER, .pid = 1 };
	spin_lock(&process_lock);
	list_for_each(node, &process_list)
	{
		struct process *p = container_of(node, struct process, all_link);
		signal_send_locked(p, NULL, &info);
		signal_send_locked(p, NULL, &go_on);
	}
	spin_unlock(&process_lock);
}

static void reap_all_until(uint64_t deadline_ns)
{
	uint32_t pid;
	int code, error = 0;
	while (others_left() && !error) {
		error = WAIT_EVENT_DEADLINE(&init_process->child_event, reap(&pid, &code), deadline_ns, false);
	}
}

_Noreturn void init_power_off(int status)
{
	fs_sync_all();
	syscall_report_unknown();
	platform_power_off(status);
}

static _Noreturn void finish(int status)
{
	fs_sync_all();
	if (others_left()) {
		signal_everyone(SIGTERM);
		reap_all_until(time_ns() + GRACE_NS);
	}
	if (others_left()) {
		signal_everyone(SIGKILL);
		reap_all_until(time_ns() + GRACE_NS);
	}
	init_power_off(status);
}

static bool power_is_requested(void)
{
	spin_lock(&process_lock);
	bool requested = power_requested;
	spin_unlock(&process_lock);
	return requested;
}

_Noreturn void init_run(const char *cmdline)
{
	init_process = process_bare("init");
	spin_lock(&process_lock);
	process_publish_locked(init_process, NULL);
	spin_unlock(&process_lock);
	tty_init();
	if (CONFIG_DEBUG) {
		memory_provoke();
	}
	command_take();
	raw_console = command && cmdline_option("raw-console", NULL, 0);
	command_start();
	for (;;) {
		uint32_t pid = 0;
		int code = 0;
		WAIT_EVENT(&init_process->child_event, reap(&pid, &code) || power_is_requested());
		if (pid == command_pid) {
			finish(code & 0x7f ? 128 + (code & 0x7f) : code >> 8 & 0xff);
		}
		if (power_is_requested()) {
			finish(0);
		}
	}
}
