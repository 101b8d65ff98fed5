/* SPDX-License-Identifier: MIT */
/*
 * See machine.h: QEMU, and what every kind shares. libvirt's event loop runs in a thread of its own for as long as a connection is open; it is needed for the
 * monitor's messages, nothing here waits for its callbacks: that the machine ended is seen by the end of its serial lines.
 */
#include "machine.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "compile.h"
#include "say.h"
#include "spawn.h"

#define LOW_MEMORY (2048ull << 20)
#define PEEK_MAX (4u << 20) /* bytes a call */

struct qemu {
	virConnectPtr connection;
	virDomainPtr domain;
};

static void quiet(void *to, virErrorPtr error)
{
}

static void *event_loop(void *unused)
{
	while (virEventRunDefaultImpl() == 0) {
	}
	return NULL;
}

static int event_loop_start(void)
{
	static bool running;
	pthread_t thread;
	if (running) {
		return 0;
	}
	virSetErrorFunc(NULL, quiet);
	if (virEventRegisterDefaultImpl() != 0 || pthread_create(&thread, NULL, event_loop, NULL) != 0) {
		return fail(VMCTL_HOST, "libvirt's event loop does not start");
	}
	pthread_detach(thread);
	running = true;
	return 0;
}

/* A signal that waits for the session (session_block_signals) was for those whom libvirt asks, too: what they did not do is no fault. 0: none. */
static int signal_waiting(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t waiting;
	sigpending(&waiting);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (sigismember(&waiting, ends[i]) == 1) {
			return ends[i];
		}
	}
	return 0;
}

static int fail_libvirt(const char *what)
{
	const char *message = virGetLastErrorMessage(), *lock = strstr(message, "Failed to get \"write\" lock");
	const char *port = strstr(message, "Could not set up host forwarding rule");
	const char *feature = strstr(message, "unknown CPU feature: ");
	lock = lock ? lock : strstr(message, "Failed to get shared \"write\" lock");
	if (lock) {
		return fail(VMCTL_IMAGE, "a disk image is in use: another machine writes to it, or would see what this one writes (--write)");
	}
	if (signal_waiting()) {
		return 128 + signal_waiting();
	}
	if (port) {
		return fail(VMCTL_HOST, "--publish: a port of this host was taken meanwhile: %.*s", (int)strcspn(port, "\r\n"), port);
	}
	if (feature) {
		return fail(VMCTL_USAGE, "--cpu-flags: there is no processor feature \"%s\": \"qemu-system-x86_64 -cpu help\" lists them",
			    strchr(feature, ':') + 2);
	}
	return fail(VMCTL_HOST, "%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

/* What libvirt finds out about QEMU, in some seconds of asking, is kept beside vmctl for the next time; it checks that it still holds. */
static void share_cache(const struct workdir *dir)
{
	char cache[512];
	snprintf(cache, sizeof(cache), "%s/libvirt-cache", compile_image_dir());
	if ((mkdir(cache, 0700) == 0 || errno == EEXIST) && access(cache, W_OK) == 0 &&
	    symlink(cache, workdir_file(dir, "root/cache")) != 0) {
		say("libvirt's cache can't be shared: %s", strerror(errno));
	}
}

/* The settings of libvirt's QEMU driver, below its private root. Its own messages go to a file there. */
static int write_settings(const struct workdir *dir)
{
	char log[160];
	snprintf(log, sizeof(log), "3:file:%s", workdir_file(dir, "libvirt.log"));
	setenv("LIBVIRT_LOG_OUTPUTS", log, 1);
	/* Not run by root, libvirt also writes below these. */
	setenv("XDG_CACHE_HOME", workdir_file(dir, "root"), 1);
	setenv("XDG_CONFIG_HOME", workdir_file(dir, "root"), 1);
	setenv("XDG_RUNTIME_DIR", workdir_file(dir, "root"), 1);
	static const char *const dirs[] = { "root", "root/etc" };
	for (size_t i = 0; i < 2; i++) {
		if (mkdir(workdir_file(dir, dirs[i]), 0700) != 0) {
			return fail(VMCTL_HOST, "%s can't be made: %s", workdir_file(dir, dirs[i]), strerror(errno));
		}
	}
	FILE *conf = fopen(workdir_file(dir, "root/etc/qemu.conf"), "we");
	if (!conf) {
		return fail(VMCTL_HOST, "libvirt's settings can't be written: %s", strerror(errno));
	}
	if (geteuid() == 0 && !getpwnam("libvirt-qemu")) {
		fclose(conf);
		return fail(VMCTL_HOST, "libvirt run by root wants a user \"libvirt-qemu\": run \"ci/setup\", which makes it");
	}
	if (geteuid() == 0) {
		fputs("user = \"root\"\ngroup = \"root\"\n", conf);
	}
	fputs("security_driver = \"none\"\ncgroup_controllers = []\nnamespaces = []\nremember_owner = 0\nstdio_handler = \"file\"\n", conf);
	fclose(conf);
	share_cache(dir);
	return 0;
}

static int connect_line(const struct workdir *dir, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir->path, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int start(struct machine *machine, const char *xml, const struct workdir *dir)
{
	struct qemu *p = machine->private;
	char uri[160];
	snprintf(uri, sizeof(uri), "qemu:///embed?root=%s/root", dir->path);
	p->connection = virConnectOpen(uri);
	if (!p->connection) {
		return fail_libvirt("libvirt's embedded driver does not open (package libvirt-daemon)");
	}
	p->domain = virDomainDefineXML(p->connection, xml);
	if (!p->domain) {
		return fail_libvirt("libvirt does not accept the machine");
	}
	if (virDomainCreateWithFlags(p->domain, VIR_DOMAIN_START_PAUSED) != 0) {
		return fail_libvirt("QEMU does not start");
	}
	machine->console = connect_line(dir, "com1");
	machine->control = connect_line(dir, "com2");
	if (machine->console < 0 || machine->control < 0) {
		return fail(VMCTL_HOST, "the machine's serial lines can't be connected: %s", strerror(errno));
	}
	return virDomainResume(p->domain) == 0 ? 0 : fail_libvirt("the machine does not run");
}

static int qemu_start(struct machine *machine, const struct machine_config *config, const struct workdir *dir)
{
	machine->kvm = config->accelerator != ACCELERATOR_TCG;
	if (!spawn_find("qemu-system-x86_64")) {
		return fail(VMCTL_HOST, "qemu-system-x86_64 is not installed: run \"apt-get install qemu-system-x86\" as root");
	}
	if (config->uefi && access("/usr/share/OVMF/OVMF_CODE_4M.fd", R_OK) != 0) {
		return fail(VMCTL_HOST, "UEFI firmware is not installed: run \"apt-get install ovmf\" as root");
	}
	int status = write_settings(dir);
	status = status ? status : event_loop_start();
	if (status) {
		return status;
	}
	machine->private = calloc(1, sizeof(struct qemu));
	char *xml = machine_xml(config, dir);
	if (!xml || !machine->private) {
		free(xml);
		return fail(VMCTL_HOST, "no memory");
	}
	status = start(machine, xml, dir);
	free(xml);
	return status;
}

static void qemu_stop(struct machine *machine)
{
	struct qemu *p = machine->private;
	if (!p) {
		return;
	}
	if (p->domain) {
		virDomainDestroy(p->domain);
		virDomainUndefineFlags(p->domain, VIR_DOMAIN_UNDEFINE_NVRAM);
		virDomainFree(p->domain);
	}
	if (p->connection) {
		virConnectClose(p->connection);
	}
	free(p);
	machine->private = NULL;
}

static int qemu_peek(struct machine *machine, uint64_t at, void *to, size_t bytes)
{
	struct qemu *p = machine->private;
	for (size_t done = 0, n; done < bytes; done += n) {
		n = bytes - done < PEEK_MAX ? bytes - done : PEEK_MAX;
		if (virDomainMemoryPeek(p->domain, at + done, n, (char *)to + done, VIR_MEMORY_PHYSICAL) != 0) {
			return -EIO;
		}
	}
	return 0;
}

static int qemu_monitor(struct machine *machine, const char *line, char *text, size_t size)
{
	struct qemu *p = machine->private;
	char *answer = NULL;
	if (virDomainQemuMonitorCommand(p->domain, line, &answer, VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP) != 0) {
		return -EIO;
	}
	snprintf(text, size, "%s", answer);
	free(answer);
	return 0;
}

/*
 * Of 2.75 GiB or more, q35 puts only so much below 4 GiB, and the hypervisor gives a domain one block of memory. So beyond that the machine
 * gets so much more that the block above 4 GiB alone holds the domains; QEMU takes from the host only what is touched.
 */
static uint64_t qemu_memory(uint64_t bytes)
{
	return bytes > LOW_MEMORY - LOW_MEMORY / 4 ? bytes + LOW_MEMORY : bytes;
}

static const char *const qemu_traces[] = { "com1.log", "com2.log", "root/log/qemu/bulkhead.log", NULL };

const struct machine_kind machine_qemu = {
	.name = "QEMU", .emulator = "tcg", .traces = qemu_traces, .memory = qemu_memory, .start = qemu_start,
	.stop = qemu_stop, .peek = qemu_peek, .monitor = qemu_monitor
};

int machine_start(struct machine *machine, const struct machine_config *config, const struct workdir *dir)
{
	*machine = (struct machine){ .kind = config->kind, .console = -1, .control = -1 };
	return machine->kind->start(machine, config, dir);
}

void machine_stop(struct machine *machine)
{
	if (machine->console >= 0) {
		close(machine->console);
	}
	if (machine->control >= 0) {
		close(machine->control);
	}
	machine->console = machine->control = -1;
	machine->kind->stop(machine);
}
