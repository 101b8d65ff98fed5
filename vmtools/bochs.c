/* SPDX-License-Identifier: MIT */
/*
 * See bochs.h. Bochs is a child of vmctl with a terminal of its own, which it insists on; what it draws there is read and dropped. It
 * connects to the serial lines' sockets before its first instruction. Sockets, because they hold up a sender where its other kinds
 * of line lose bytes; on the loopback interface, because Bochs knows no others, so who connects is looked at.
 */
#include "bochs.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "port.h"
#include "say.h"
#include "spawn.h"

#define MEMORY_MAX (2048ull << 20) /* as much as it takes from its host */
#define CONNECT_MS 20000
#define PACKAGES "bochs bochs-term bochsbios vgabios"

struct bochs {
	pid_t pid; /* 0: none */
	int screen; /* our end of its terminal, -1: none */
	int own_screen; /* the terminal that it makes itself, -1: none */
	pthread_t drain, own_drain;
};

static uint64_t bochs_memory(uint64_t bytes)
{
	return bytes <= MEMORY_MAX ? bytes : 0;
}

/* A listening socket on the loopback interface and its port. -1 after a sentence. */
static int listen_line(uint16_t *port)
{
	int fd = port_bind(port), error = fd < 0 ? fd : listen(fd, 4) == 0 ? 0 : -errno;
	if (error) {
		fail(VMCTL_HOST, "no socket for a serial line: %s", strerror(-error));
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	return fd;
}

/* Of a connection. */
struct line_ends {
	struct sockaddr_in own, peer;
};

static bool is_peer(void *to, const struct port_socket *s)
{
	const struct line_ends *ends = to;
	return s->local == ends->peer.sin_addr.s_addr && s->local_port == ntohs(ends->peer.sin_port) && s->remote == ends->own.sin_addr.s_addr &&
	       s->remote_port == ntohs(ends->own.sin_port) && s->user == geteuid();
}

/* Does the process at the other end run as the same user? */
static bool is_ours(int fd)
{
	struct line_ends ends;
	socklen_t own_length = sizeof(ends.own), peer_length = sizeof(ends.peer);
	return getsockname(fd, (struct sockaddr *)&ends.own, &own_length) == 0 && getpeername(fd, (struct sockaddr *)&ends.peer, &peer_length) == 0 &&
	       port_find(is_peer, &ends);
}

/* What Bochs said last before it ended, without its decoration; "" if nothing. */
static void last_words(const struct workdir *dir, char *words, size_t size)
{
	static const struct { const char *file, *mark; bool next_line; } places[] = {
		{ "bochs.err", "with the following message:", true },
		{ "bochs.log", ">>PANIC<< ", false },
	};
	char line[512];
	words[0] = '\0';
	for (size_t i = 0; i < 2 && !words[0]; i++) {
		FILE *file = fopen(workdir_file(dir, places[i].file), "re");
		while (file && fgets(line, sizeof(line), file)) {
			const char *at = strstr(line, places[i].mark);
			if (at && (!places[i].next_line || (at = fgets(line, sizeof(line), file)))) {
				at += places[i].next_line ? 0 : strlen(places[i].mark);
				snprintf(words, size, "%.*s", (int)strcspn(at, "\n"), at);
			}
		}
		if (file) {
			fclose(file);
		}
	}
}

static int fail_start(const struct machine_config *config, const struct workdir *dir)
{
	char words[256];
	last_words(dir, words, sizeof(words));
	if (strstr(words, "cpu directive malformed")) {
		return fail(VMCTL_USAGE, "Bochs has no processor model \"%s\": \"bochs --help cpu\" lists them", config->cpu_model);
	}
	if (strstr(words, "too many registered timers")) {
		return fail(VMCTL_USAGE, "Bochs has not enough timers for %u processors of this model: use fewer --cpus", config->cpus);
	}
	if (strstr(words, "display library") || strstr(words, "term")) {
		return fail(VMCTL_HOST, "Bochs does not start (is package bochs-term installed?): %s", words);
	}
	return fail(VMCTL_HOST, "Bochs does not start: %s", words[0] ? words : "it said nothing");
}

/* The connection that Bochs makes, or -1. */
static int accept_line(int listener, int process)
{
	struct pollfd fds[2] = { { .fd = listener, .events = POLLIN }, { .fd = process, .events = POLLIN } };
	int on = 1;
	while (poll(fds, 2, CONNECT_MS) > 0 && fds[0].revents) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && is_ours(fd)) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			return fd;
		}
		if (fd >= 0) {
			close(fd);
		}
	}
	return -1;
}

static int write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	if (!file || fputs(text, file) < 0) {
		return fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
	}
	return fclose(file) == 0 ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
}

static int write_files(const struct machine_config *config, const struct workdir *dir, struct bochs_lines lines)
{
	char *text = bochs_config(config, dir, lines);
	int status = text ? write_file(workdir_file(dir, "bochsrc"), text) : fail(VMCTL_HOST, "no memory");
	free(text);
	if (!status && config->nic) {
		status = write_file(workdir_file(dir, BOCHS_SLIRP), config->netdev);
	}
	/* Debian's Bochs has the debugger built in, which waits for a command to run the machine. */
	return status ? status : write_file(workdir_file(dir, "bochs.commands"), "c\n");
}

/* Reads what is drawn until the terminal's other end is closed. */
static void *drain_screen(void *of)
{
	const int *screen = of;
	char bytes[4096];
	ssize_t n;
	while ((n = read(*screen, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR)) {
	}
	return NULL;
}

/* Is this open file of a process the master of a pseudo-terminal? Its number, or -1. */
static int terminal_number(const char *path)
{
	FILE *info = fopen(path, "r");
	char line[128];
	int number = -1;
	while (info && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "tty-index: %d", &number) == 1) {
			break;
		}
	}
	if (info) {
		fclose(info);
	}
	return number;
}

/*
 * With the debugger built in, Bochs's display "term" draws on a pseudo-terminal that Bochs makes for itself, and stands still
 * when nobody reads there. It is made before the serial lines are connected. A Bochs without it draws on ours.
 */
static int drain_own_screen(struct bochs *b)
{
	char path[300];
	int number = -1;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)b->pid);
	DIR *files = opendir(path);
	for (struct dirent *file; number < 0 && files && (file = readdir(files));) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)b->pid, file->d_name);
		number = terminal_number(path);
	}
	if (files) {
		closedir(files);
	}
	if (number < 0) {
		return 0;
	}
	struct termios raw;
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	b->own_screen = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (b->own_screen < 0 || tcgetattr(b->own_screen, &raw) != 0) {
		return fail(VMCTL_HOST, "%s, on which Bochs draws, can't be read: %s", path, strerror(errno));
	}
	cfmakeraw(&raw);
	tcsetattr(b->own_screen, TCSANOW, &raw);
	return pthread_create(&b->own_drain, NULL, drain_screen, &b->own_screen) ? fail(VMCTL_HOST, "no thread for Bochs's terminal") : 0;
}

static void child(const char *program, const struct workdir *dir, int terminal)
{
	const char *const argv[] = { "bochs", "-q", "-f", workdir_file(dir, "bochsrc"), "-rc", workdir_file(dir, "bochs.commands"), NULL };
	int errors = open(workdir_file(dir, "bochs.err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(terminal, 0);
	dup2(terminal, 1);
	dup2(errors, 2);
	setenv("TERM", "linux", 1);
	unsetenv("BXSHARE");
	execv(program, (char *const *)argv);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

static int spawn_bochs(struct bochs *b, const char *program, const struct workdir *dir)
{
	struct winsize size = { .ws_row = 60, .ws_col = 132 };
	int terminal;
	if (openpty(&b->screen, &terminal, NULL, NULL, &size) != 0) {
		b->screen = -1;
		return fail(VMCTL_HOST, "no terminal for Bochs: %s", strerror(errno));
	}
	fcntl(b->screen, F_SETFD, FD_CLOEXEC);
	b->pid = fork();
	if (b->pid == 0) {
		child(program, dir, terminal);
	}
	int error = errno;
	close(terminal);
	if (b->pid < 0) {
		b->pid = 0;
		return fail(VMCTL_HOST, "no process for Bochs: %s", strerror(error));
	}
	if (pthread_create(&b->drain, NULL, drain_screen, &b->screen) != 0) {
		kill(b->pid, SIGKILL);
		waitpid(b->pid, NULL, 0);
		b->pid = 0;
		return fail(VMCTL_HOST, "no thread for Bochs's terminal");
	}
	return 0;
}

static int connect_lines(struct machine *machine, const struct bochs *b, const int listeners[2])
{
	int process = pidfd_open(b->pid, 0);
	machine->console = process < 0 ? -1 : accept_line(listeners[0], process);
	machine->control = machine->console < 0 ? -1 : accept_line(listeners[1], process);
	if (process >= 0) {
		close(process);
	}
	return machine->control < 0 ? -EIO : 0;
}

static int start(struct machine *machine, const struct machine_config *config, const struct workdir *dir, const char *program)
{
	struct bochs_lines lines;
	int listeners[2] = { listen_line(&lines.com1), -1 };
	listeners[1] = listeners[0] < 0 ? -1 : listen_line(&lines.com2);
	int status = listeners[1] < 0 ? VMCTL_HOST : write_files(config, dir, lines);
	status = status ? status : spawn_bochs(machine->private, program, dir);
	if (status == 0 && connect_lines(machine, machine->private, listeners) != 0) {
		status = fail_start(config, dir);
	}
	status = status ? status : drain_own_screen(machine->private);
	for (int i = 0; i < 2; i++) {
		if (listeners[i] >= 0) {
			close(listeners[i]);
		}
	}
	return status;
}

static int bochs_start(struct machine *machine, const struct machine_config *config, const struct workdir *dir)
{
	static const char *const roms[] = { BOCHS_BIOS, BOCHS_VGA_BIOS };
	const char *program = spawn_find("bochs-bin");
	program = program ? program : spawn_find("bochs");
	if (!program) {
		return fail(VMCTL_HOST, "bochs is not installed: run \"apt-get install " PACKAGES "\" as root");
	}
	for (size_t i = 0; i < 2; i++) {
		if (access(roms[i], R_OK) != 0) {
			return fail(VMCTL_HOST, "%s is missing: run \"apt-get install " PACKAGES "\" as root", roms[i]);
		}
	}
	struct bochs *b = calloc(1, sizeof(*b));
	if (!b) {
		return fail(VMCTL_HOST, "no memory");
	}
	b->screen = b->own_screen = -1;
	machine->private = b;
	return start(machine, config, dir, program);
}

static void bochs_stop(struct machine *machine)
{
	struct bochs *b = machine->private;
	if (!b) {
		return;
	}
	if (b->pid) {
		kill(b->pid, SIGKILL);
		while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR) {
		}
		pthread_join(b->drain, NULL);
	}
	if (b->own_drain) {
		pthread_join(b->own_drain, NULL);
	}
	if (b->own_screen >= 0) {
		close(b->own_screen);
	}
	if (b->screen >= 0) {
		close(b->screen);
	}
	free(b);
	machine->private = NULL;
}

static const char *const traces[] = { "bochs.err", "bochs.log", NULL };

const struct machine_kind machine_bochs = {
	.name = "Bochs", .emulator = "bochs", .traces = traces, .memory = bochs_memory, .start = bochs_start, .stop = bochs_stop
};
