/* SPDX-License-Identifier: MIT */
/*
 * `vmctl bench net` (docs/bench.md): servers in the guest, a client here (load.h). A machine for each run of each system; in it runs
 * tests/bench/net, which starts the servers and tells on a port of its own what was counted before and after each line. One more run of each
 * system under -icount tells instructions: time of a process that counts whenever nobody else wants the processor is taken off.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compile.h"
#include "control.h"
#include "image.h"
#include "load.h"
#include "net_figures.h"
#include "port.h"
#include "say.h"
#include "spawn.h"

#define MACHINE_TIMEOUT_NS 300000000000ull
#define MEMORY_BYTES (512ull << 20)
#define ROOT_SLACK (64ull << 20)
#define SMALL_BYTES 1024u
#define SETTLE_LOOKS 40u
#define SETTLE_MS 50
#define SETTLE_PACKETS 8
#define LARGE_BYTES (100u << 10)

/* The guest's ports: tests/bench/net/net.h, and the servers' own. */
enum { PORT_CONTROL, PORT_SINK, PORT_SOURCE, PORT_HELLO, PORT_HTTP, PORT_REDIS, PORTS };
static const uint16_t guest_ports[PORTS] = { 7000, 7001, 7002, 7003, 80, 6379 };

#define GET(path) "GET " path " HTTP/1.1\r\nHost: bench\r\nUser-Agent: vmctl\r\nAccept: */*\r\n\r\n"
#define SET_REQUEST "*3\r\n$3\r\nSET\r\n$16\r\nkey:__rand_int__\r\n$3\r\nxxx\r\n"
#define GET_REQUEST "*2\r\n$3\r\nGET\r\n$16\r\nkey:__rand_int__\r\n"

static const struct net_line {
	const char *name, *server; /* server NULL: one of our own; "": the guest's loopback, and no load from here */
	struct load load; /* the port is an index */
} lines[] = {
	{ "http-1k", "nginx", { LOAD_HTTP, PORT_HTTP, 64, 1, GET("/1k"), "HTTP/1.1 200", 0, 0 } },
	{ "http-100k", "nginx", { LOAD_HTTP, PORT_HTTP, 64, 1, GET("/100k"), "HTTP/1.1 200", 0, 0 } },
	{ "redis-set", "redis", { LOAD_EXCHANGE, PORT_REDIS, 50, 1, SET_REQUEST, "+OK", 5, 0 } },
	{ "redis-get", "redis", { LOAD_EXCHANGE, PORT_REDIS, 50, 1, GET_REQUEST, "$3\r\nxxx", 9, 0 } },
	{ "redis-set-16", "redis", { LOAD_EXCHANGE, PORT_REDIS, 50, 16, SET_REQUEST, "+OK", 5, 0 } },
	{ "redis-get-16", "redis", { LOAD_EXCHANGE, PORT_REDIS, 50, 16, GET_REQUEST, "$3\r\nxxx", 9, 0 } },
	{ "bulk-in-kib", NULL, { LOAD_SEND, PORT_SINK, 1, 1, NULL, NULL, 0, 0 } },
	{ "bulk-out-kib", NULL, { LOAD_TAKE, PORT_SOURCE, 1, 1, NULL, NULL, 0, 0 } },
	{ "connect", NULL, { LOAD_CONNECT, PORT_HELLO, 16, 1, NULL, NULL, 0, 0 } },
	{ "loop-round-trip", "", { .ns = 0 } },
};
#define LINES (sizeof(lines) / sizeof(lines[0]))

struct mark {
	double ns, spins, packets, sent, exits;
	bool has_exits;
};

struct machine_run {
	struct network network;
	pid_t pid;
	FILE *output, *to, *from; /* the machine's console, and its control connection */
	double spin_ns;
	struct mark marks[2]; /* of the line that runs: when it began, and when it ended */
	int status; /* of them */
};

static const char *chosen(const struct bench *b)
{
	return b->options->profile ? b->options->profile : b->options->lines;
}

/* Every name that was asked for is a line's: 0 or VMCTL_USAGE. */
static int check_chosen(const struct bench *b)
{
	size_t length;
	for (const char *at = chosen(b); at; at = at[length] ? at + length + 1 : NULL) {
		bool found = false;
		length = strcspn(at, ",");
		for (size_t i = 0; i < LINES; i++) {
			found = found || (strlen(lines[i].name) == length && strncmp(lines[i].name, at, length) == 0);
		}
		if (!found) {
			return fail(VMCTL_USAGE, "no line is called \"%.*s\"; the first is %s: docs/bench.md lists them", (int)length, at, lines[0].name);
		}
	}
	return 0;
}

static bool is_chosen(const struct bench *b, const char *name)
{
	const char *only = chosen(b);
	size_t length = strlen(name);
	for (const char *at = only; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
			return true;
		}
	}
	return !only;
}

/* --- the image --- */

static int write_file(const char *tree, const char *name, const char *text, size_t fill)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", tree, name);
	FILE *file = fopen(path, "we");
	if (file && text) {
		fputs(text, file);
	}
	for (size_t i = 0; file && i < fill; i++) {
		fputc('a' + (int)(i % 26), file);
	}
	return file && fclose(file) == 0 ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
}

static int write_tree(const char *tree)
{
	static const char conf[] = "daemon off;\nworker_processes 2;\nerror_log stderr;\npid /tmp/nginx.pid;\nevents { worker_connections 1024; }\n"
				   "http {\n access_log /tmp/access.log;\n sendfile on;\n tcp_nopush on;\n keepalive_requests 100000000;\n"
				   " open_file_cache max=64;\n server { listen 80 backlog=511; root /bench/www; }\n}\n";
	char text[1024];
	snprintf(text, sizeof(text), "%s/bench-net", compile_image_dir());
	if (access(text, X_OK) != 0) {
		return fail(VMCTL_HOST, "%s is missing: run \"make\"", text);
	}
	static const char script[] = "mkdir -p \"$1/bench/www\" && cp \"$2\" \"$1/bench/\"";
	const char *const copy[] = { "sh", "-c", script, "sh", tree, text, NULL };
	int status = spawn_run(copy, "coreutils");
	status = status ? status : write_file(tree, "bench/nginx.conf", conf, 0);
	status = status ? status : write_file(tree, "bench/www/1k", NULL, SMALL_BYTES);
	return status ? status : write_file(tree, "bench/www/100k", NULL, LARGE_BYTES);
}

/* The servers that the chosen lines ask for, each behind a space. */
static const char *servers_choose(const struct bench *b, char servers[static 64])
{
	servers[0] = '\0';
	for (size_t i = 0; i < LINES; i++) {
		const char *server = lines[i].server;
		if (server && *server && is_chosen(b, lines[i].name) && !strstr(servers, server)) {
			strcat(strcat(servers, " "), server);
		}
	}
	return servers;
}

/* Packages only where a line asks for them; NULL: none. */
static const char *packages_of(const char *servers)
{
	bool nginx = strstr(servers, "nginx"), redis = strstr(servers, "redis");
	return nginx && redis ? "nginx-light,redis-server" : nginx ? "nginx-light" : redis ? "redis-server" : NULL;
}

static int make_image(struct bench *b)
{
	char servers[64];
	struct options o = { .packages = packages_of(servers_choose(b, servers)) };
	const char *tree = workdir_file(&b->dir, "tree");
	int status = check_chosen(b);
	if (status) {
		return status;
	}
	if (mkdir(tree, 0755) != 0) {
		return fail(VMCTL_HOST, "%s can't be made: %s", tree, strerror(errno));
	}
	char dir[128];
	snprintf(dir, sizeof(dir), "%s", tree);
	status = write_tree(dir);
	snprintf(b->image, sizeof(b->image), "%s", workdir_file(&b->dir, "bench.img"));
	return status ? status : image_root(&o, dir, b->image, ROOT_SLACK, b->dir.path);
}

/* --- a machine --- */

/* Ports that nobody has; QEMU takes them a moment later. */
static int network_fill(struct network *n)
{
	uint16_t ports[PORTS];
	int error = port_free(ports, PORTS);
	*n = (struct network){ .net = NET_USER, .nic = NIC_E1000E, .published_count = PORTS };
	for (unsigned i = 0; i < PORTS && !error; i++) {
		n->published[i] = (struct published_port){ .host = ports[i], .guest = guest_ports[i] };
	}
	return error ? fail(VMCTL_HOST, "no free ports: %s", strerror(-error)) : 0;
}

static int machine_begin(const struct bench *b, struct machine_run *m, enum vmctl_mode mode, bool icount)
{
	char program[128], servers[64];
	snprintf(program, sizeof(program), "/bench/bench-net%s%s", icount ? " spin" : "", servers_choose(b, servers));
	char *command[] = { program, NULL };
	int status = network_fill(&m->network);
	if (status) {
		return status;
	}
	struct options o = { .mode = mode, .cpus = icount ? 1 : b->options->cpus, .memory = b->options->memory ? b->options->memory : MEMORY_BYTES,
			     .command = command, .root = b->image, .icount = icount, .accel = icount ? ACCEL_TCG : b->options->accel,
			     .verbose = b->options->verbose, .profile = b->options->profile, .order = b->options->order, .network = m->network,
			     .timeout_ns = b->options->timeout_ns ? b->options->timeout_ns : MACHINE_TIMEOUT_NS };
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return fail(VMCTL_HOST, "no pipe: %s", strerror(errno));
	}
	FILE *output = fdopen(ends[1], "we");
	m->output = fdopen(ends[0], "re");
	m->pid = bench_machine_start(&o, output);
	fclose(output);
	return m->pid > 0 ? 0 : fail(VMCTL_HOST, "no process for a machine: %s", strerror(errno));
}

/* Until the guest's program says that all servers answer. */
static int machine_ready(struct machine_run *m)
{
	char line[512];
	while (fgets(line, sizeof(line), m->output)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strcmp(line, "ready") == 0) {
			int fd = load_open(m->network.published[PORT_CONTROL].host);
			m->to = fd < 0 ? NULL : fdopen(fd, "we");
			m->from = fd < 0 ? NULL : fdopen(dup(fd), "re");
			return m->to && m->from ? 0 : fail(VMCTL_HOST, "the guest's port is not reached");
		}
		fprintf(stderr, "%s\n", line);
	}
	return fail(VMCTL_DIED, "the benchmark's servers did not start");
}

/* One line to the guest's program, and its answer. */
static int machine_ask(struct machine_run *m, const char *question, char *answer, int size)
{
	fprintf(m->to, "%s\n", question);
	fflush(m->to);
	if (!fgets(answer, size, m->from)) {
		return fail(VMCTL_DIED, "the benchmark's program in the guest does not answer \"%s\"", question);
	}
	answer[strcspn(answer, "\n")] = '\0';
	return 0;
}

static double number_of(const char *answer, const char *key)
{
	char text[64];
	return control_value(answer, key, text, sizeof(text)) ? atof(text) : 0;
}

static void machine_mark(void *to, bool ends)
{
	struct machine_run *m = to;
	char answer[512];
	m->status = m->status ? m->status : machine_ask(m, "mark", answer, sizeof(answer));
	if (m->status == 0) {
		m->marks[ends] = (struct mark){ number_of(answer, "ns"), number_of(answer, "spins"), number_of(answer, "packets"),
				       number_of(answer, "sent"), number_of(answer, "exits"), strstr(answer, " exits=") != NULL };
	}
}

/* Until what the last line left on its way has come and gone: hardly more than the question itself passes. */
static void machine_settle(struct machine_run *m)
{
	for (unsigned i = 0; i < SETTLE_LOOKS && !m->status; i++) {
		machine_mark(m, false);
		poll(NULL, 0, SETTLE_MS);
		machine_mark(m, true);
		if (m->marks[1].packets - m->marks[0].packets <= SETTLE_PACKETS) {
			return;
		}
	}
}

/* Its last words go to stderr; its status says how it went. */
static int machine_end(struct machine_run *m, int status)
{
	char line[512];
	int ended;
	if (m->to) {
		fclose(m->to);
	}
	if (m->from) {
		shutdown(fileno(m->from), SHUT_RDWR);
		fclose(m->from);
	}
	if (status && m->pid > 0) {
		kill(m->pid, SIGTERM);
	}
	while (m->output && fgets(line, sizeof(line), m->output)) {
		fputs(line, stderr);
	}
	if (m->output) {
		fclose(m->output);
	}
	if (m->pid > 0 && waitpid(m->pid, &ended, 0) == m->pid && status == 0 && (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)) {
		status = fail(VMCTL_DIED, "the benchmark's machine ended with status %d", WIFEXITED(ended) ? WEXITSTATUS(ended) : VMCTL_DIED);
	}
	return status;
}

/* --- a line --- */

/* How long a line runs. Under -icount the machine is slow, and parts of operations shall not count. */
static uint64_t line_ns(const struct bench *b, bool icount)
{
	return (b->options->profile ? 6000000000ull : b->options->is_short ? 300000000 : 1000000000) * (icount && !b->options->profile ? 2 : 1);
}

static int line_load(struct machine_run *m, const struct net_line *line, uint64_t ns, struct load_result *r)
{
	struct load load = line->load;
	load.port = m->network.published[line->load.port].host;
	load.ns = ns;
	const struct load_watch watch = { machine_mark, m };
	struct load set = { LOAD_EXCHANGE, load.port, 1, 1, SET_REQUEST, "+OK", 5, 1 };
	int error = load.request && strcmp(load.request, GET_REQUEST) == 0 ? load_run(&set, NULL, r) : 0;
	error = error ? error : load_run(&load, &watch, r);
	if (error || r->errors || r->ops == 0) {
		return fail(VMCTL_DIED, "%s: %s, %llu wrong answers", line->name, error ? strerror(-error) : "the server answers",
			    (unsigned long long)r->errors);
	}
	return 0;
}

static int line_loop(struct machine_run *m, uint64_t ns, struct load_result *r)
{
	char question[64], answer[128];
	machine_mark(m, false);
	snprintf(question, sizeof(question), "loop %llu", (unsigned long long)(ns / 1000000));
	int status = machine_ask(m, question, answer, sizeof(answer));
	r->ops = status ? 0 : (uint64_t)number_of(answer, "ops");
	r->ns = status ? 0 : (uint64_t)number_of(answer, "ns");
	machine_mark(m, true);
	return status;
}

static int line_run(struct bench *b, struct machine_run *m, const struct net_line *line, enum vmctl_mode mode, bool icount)
{
	struct load_result r = { 0 };
	char text[256];
	machine_settle(m);
	int status = m->status;
	status = status ? status : line->server && !*line->server ? line_loop(m, line_ns(b, icount), &r) : line_load(m, line, line_ns(b, icount), &r);
	if (status || m->status) {
		return status ? status : m->status;
	}
	const struct mark *before = &m->marks[0], *after = &m->marks[1];
	double ns = icount ? after->ns - before->ns - (after->spins - before->spins) * m->spin_ns : (double)r.ns;
	int length = snprintf(text, sizeof(text), "bench %s ops=%llu ns=%.0f packets=%.0f", line->name, (unsigned long long)r.ops, ns,
			      after->packets - before->packets);
	if (after->has_exits) {
		snprintf(text + length, sizeof(text) - (size_t)length, " exits=%.0f", after->exits - before->exits);
	}
	if (say_is_verbose()) {
		fprintf(stderr, "%s sent=%.0f longest=%lluus\n", text, after->sent - before->sent, (unsigned long long)r.longest_ns / 1000);
	}
	figures_line(&b->figures, mode, icount, text);
	return 0;
}

static int run_once(struct bench *b, enum vmctl_mode mode, bool icount)
{
	struct machine_run m = { 0 };
	char answer[128];
	signal(SIGPIPE, SIG_IGN); /* a guest that is gone is an error of what is written to it */
	int status = machine_begin(b, &m, mode, icount);
	status = status ? status : machine_ready(&m);
	if (status == 0 && icount) {
		status = machine_ask(&m, "spin", answer, sizeof(answer));
		m.spin_ns = status ? 0 : number_of(answer, "spin_ns");
	}
	for (size_t i = 0; i < LINES && status == 0; i++) {
		if (is_chosen(b, lines[i].name)) {
			status = line_run(b, &m, &lines[i], mode, icount);
		}
	}
	return machine_end(&m, status);
}

static int profile_all(struct bench *b)
{
	int status = 0;
	for (int i = 0; i < 2 && status == 0; i++) {
		enum vmctl_mode mode = i ? MODE_ISOLATED : MODE_MONOLITHIC;
		printf("%s, %s: ", b->options->profile, bench_mode_name(mode));
		status = bench_trace(b, b->options->profile, mode);
		status = status ? status : run_once(b, mode, b->options->icount);
	}
	return status;
}

static unsigned icount_runs(const struct bench *b)
{
	return b->options->cpus < 2;
}

static void print_table(struct bench *b, FILE *out)
{
	net_figures_table(&b->figures, out);
}

const struct bench_kind bench_net = { make_image, run_once, profile_all, icount_runs, print_table };
