/* SPDX-License-Identifier: MIT */
/* Capabilities: the sets, what changes them (capset, prctl, other users, execve), and what each lets a process do. As root. */
#include "calls.h"

#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

/* linux/capability.h, linux/securebits.h */
enum {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP,
	CAP_NET_BIND_SERVICE = 10, CAP_NET_ADMIN = 12, CAP_SYS_CHROOT = 18, CAP_SYS_ADMIN = 21, CAP_SYS_BOOT, CAP_SYS_NICE, CAP_SYS_RESOURCE,
	CAP_SYS_TIME, CAP_MKNOD = 27
};
enum { SECBIT_NOROOT = 1, SECBIT_NOROOT_LOCKED = 2, SECBIT_NO_SETUID_FIXUP = 4, SECBIT_KEEP_CAPS = 16, SECBIT_KEEP_CAPS_LOCKED = 32,
       SECBIT_NO_CAP_AMBIENT_RAISE = 64 };
#define VERSION_1 0x19980330u
#define VERSION_3 0x20080522u
struct header {
	uint32_t version;
	int pid;
};
struct data {
	uint32_t effective, permitted, inheritable;
};

#define BIT(capability) (1ul << (capability))
/* This one the machine that makes the comparison may lack. */
#define TOLD (~BIT(CAP_SYS_RESOURCE) & ((1ul << 41) - 1))

static int self_exe;

static void show(const char *name)
{
	char text[4096];
	unsigned long v[5] = { 0 };
	static const char *const field[5] = { "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:" };
	int fd = open("/proc/self/status", O_RDONLY);
	long n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 5; i++) {
		char *at = strstr(text, field[i]);
		v[i] = at ? strtoul(at + 7, NULL, 16) & TOLD : 1;
	}
	calls_line("show", name, "i %lx p %lx e %lx b %lx a %lx, bits %x keep %d, users %d %d", v[0], v[1], v[2], v[3], v[4],
		   prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS), (int)getuid(), (int)geteuid());
}

static int caps_set(unsigned long effective, unsigned long permitted, unsigned long inheritable)
{
	struct header h = { VERSION_3, 0 };
	struct data d[2] = { { (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
					       { effective >> 32, permitted >> 32, inheritable >> 32 } };
	return (int)syscall(SYS_capset, &h, d);
}

static void exec_show(const char *name)
{
	pid_t child = fork();
	if (child == 0) {
		char *arguments[] = { "capabilities", (char *)name, NULL };
		char *environment[] = { NULL };
		syscall(SYS_execveat, self_exe, "", arguments, environment, AT_EMPTY_PATH);
		calls_line("exec", name, "%s", calls_error(errno));
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

static void headers(void)
{
	struct header h = { 1, 0 };
	struct data d[2];
	CALL(syscall(SYS_capget, &h, NULL));
	SHOW("version told", "%x", h.version);
	h.version = 1;
	CALL(syscall(SYS_capget, &h, d));
	CALL(syscall(SYS_capget, &h, NULL));
	CALL(syscall(SYS_capget, NOWHERE, d));
	CALL(syscall(SYS_capget, &h, NOWHERE));
	CALL(syscall(SYS_capset, &h, NOWHERE));
	h.pid = -1;
	CALL(syscall(SYS_capget, &h, d));
	h.pid = 0x3fffffff;
	CALL(syscall(SYS_capget, &h, d));
	CALL(syscall(SYS_capset, &h, d));
	h.pid = getpid();
	CALL(syscall(SYS_capget, &h, d));
	SHOW("data", "%lx %x", (d[0].permitted | (unsigned long)d[1].permitted << 32) & TOLD, d[0].inheritable);
	CALL(syscall(SYS_capset, &h, d));
	h.pid = getppid();
	CALL(syscall(SYS_capget, &h, d));
	CALL(syscall(SYS_capset, &h, d));
	h = (struct header){ VERSION_1, 0 };
	d[1].permitted = 77;
	CALL(syscall(SYS_capget, &h, d));
	SHOW("one half", "%lx %x", d[0].permitted & TOLD, d[1].permitted);
	CALL(syscall(SYS_capset, &h, d));
	show("with one half");
	h.version = 2;
	CALL(syscall(SYS_capset, &h, d));
}

static void sets(void)
{
	show("at first");
	CALL(caps_set(BIT(CAP_KILL), BIT(CAP_KILL) | BIT(CAP_CHOWN), BIT(CAP_FOWNER)));
	show("less, and one to inherit");
	CALL(caps_set(BIT(CAP_FOWNER), BIT(CAP_KILL) | BIT(CAP_CHOWN), 0));
	CALL(caps_set(0, BIT(CAP_KILL) | BIT(CAP_FOWNER), 0));
	CALL(caps_set(BIT(CAP_CHOWN), BIT(CAP_CHOWN), BIT(CAP_FOWNER)));
	CALL(caps_set(BIT(CAP_CHOWN), BIT(CAP_CHOWN), BIT(CAP_FOWNER) | BIT(CAP_CHOWN)));
	CALL(caps_set(BIT(CAP_CHOWN), BIT(CAP_CHOWN), BIT(CAP_MKNOD)));
	CALL(caps_set(0, 0, BIT(CAP_FOWNER)));
	show("none");
	exec_show("root regains");
	CALL(prctl(PR_CAPBSET_DROP, CAP_KILL));
}

static void bounding(void)
{
	CALL(prctl(PR_CAPBSET_READ, CAP_CHOWN));
	CALL(prctl(PR_CAPBSET_READ, 40));
	CALL(prctl(PR_CAPBSET_READ, 41));
	CALL(prctl(PR_CAPBSET_READ, -1));
	CALL(prctl(PR_CAPBSET_DROP, 41));
	CALL(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	CALL(prctl(PR_CAPBSET_DROP, CAP_MKNOD));
	CALL(prctl(PR_CAPBSET_READ, CAP_CHOWN));
	show("without two");
	CALL(caps_set(TOLD, TOLD, BIT(CAP_CHOWN)));
	CALL(caps_set(TOLD, TOLD, BIT(CAP_KILL)));
	exec_show("without two");
	CALL(caps_set(TOLD & ~BIT(CAP_SETPCAP), TOLD, BIT(CAP_KILL)));
	CALL(prctl(PR_CAPBSET_DROP, CAP_FOWNER));
	CALL(prctl(PR_CAPBSET_DROP, 41));
}

static void ambient(void)
{
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 41, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 1, 0));
	CALL(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
	CALL(caps_set(TOLD, TOLD, BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_CHOWN)));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	show("three ambient");
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN, 0, 0));
	CALL(caps_set(TOLD, TOLD, BIT(CAP_KILL)));
	show("one is not to be inherited any more");
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE));
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP));
	CALL(setresuid(1000, 1000, 1000));
	show("another user, with what there was");
	exec_show("another user with ambient ones");
	CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	exec_show("another user without");
}

static void secure_bits(void)
{
	CALL(prctl(PR_SET_SECUREBITS, 0x1000000));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS));
	show("no root");
	exec_show("no root");
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED));
	CALL(prctl(PR_SET_KEEPCAPS, 1));
	CALL(prctl(PR_SET_KEEPCAPS, 2));
	show("locked");
	CALL(caps_set(TOLD & ~BIT(CAP_SETPCAP), TOLD, 0));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED));
}

static void users(void)
{
	CALL(setresuid(-1, 1000, -1));
	show("effective 1000");
	CALL(setresuid(-1, 0, -1));
	show("effective 0 again");
	CALL(setresuid(1000, 1000, 0));
	show("saved 0");
	exec_show("saved 0");
	CALL(setresuid(-1, 0, -1));
	exec_show("effective 0, real 1000");
	CALL(setresuid(1000, 1000, 1000));
	show("all 1000");
	exec_show("all 1000");
}

static void users_that_keep(void)
{
	CALL(prctl(PR_SET_KEEPCAPS, 1));
	CALL(prctl(PR_GET_KEEPCAPS));
	CALL(setresuid(1000, 1000, 1000));
	show("kept");
	CALL(caps_set(BIT(CAP_SETUID) | BIT(CAP_NET_BIND_SERVICE), BIT(CAP_SETUID) | BIT(CAP_NET_BIND_SERVICE), 0));
	show("two");
	CALL(setgroups(0, NULL));
	CALL(setresgid(5, 5, 5));
	CALL(setresuid(2000, 2000, 2000));
	show("yet another");
	exec_show("yet another");
	CALL(setresuid(0, 0, 0));
	show("root by CAP_SETUID");
	CALL(setuid(3000));
	show("and no more");
}

static void file_users(void)
{
	setfsuid(1000);
	show("file user 1000");
	setfsuid(0);
	show("file user 0");
	CALL(caps_set(0, TOLD, 0));
	setfsuid(1000);
	setfsuid(0);
	show("file user 0 again");
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	CALL(caps_set(TOLD, TOLD, 0));
	CALL(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	setfsuid(1000);
	show("file user 1000 without a fixup");
	CALL(setresuid(1000, 1000, 1000));
	show("user 1000 without a fixup");
}

/* As a user with one capability at a time: each thing goes with its own only. */
static void become(unsigned long capabilities)
{
	prctl(PR_SET_KEEPCAPS, 1);
	syscall(SYS_setresuid, 1000, 1000, 1000);
	if (caps_set(capabilities, capabilities, 0)) {
		calls_line("become", "capset", "%s", calls_error(errno));
	}
}

static int others;
static pid_t sleeper;

static void tries(const char *name, unsigned long capabilities)
{
	char results[512] = "";
	int status;
	pid_t child = fork();
	if (child) {
		waitpid(child, &status, 0);
		return;
	}
	become(capabilities);
#define TRY(expression)                                                                                                       \
	({                                                                                                                    \
		errno = 0;                                                                                                    \
		long result_ = (long)(expression);                                                                            \
		snprintf(results + strlen(results), sizeof(results) - strlen(results), " %s", result_ == -1 ? calls_error(errno) : "ok"); \
	})
	struct sockaddr_in low = { .sin_family = AF_INET, .sin_port = htons(77), .sin_addr.s_addr = htonl(0x7f000001) };
	TRY(open("closed", O_RDWR));
	TRY(open("closed", O_RDONLY));
	TRY(open("dir", O_RDONLY));
	TRY(open("dir/x", O_RDONLY | O_CREAT, 0600));
	TRY(access("closed", R_OK));
	TRY(chown("closed", 1000, 1000));
	TRY(chown("closed", 0, 0));
	TRY(chmod("closed", 02600));
	TRY(utimensat(AT_FDCWD, "closed", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0));
	TRY(unlink("sticky/file"));
	TRY(mknod("open/device", S_IFCHR | 0600, 0x103));
	TRY(kill(sleeper, 0));
	TRY(setpriority(PRIO_PROCESS, 0, -1));
	TRY(setpriority(PRIO_PROCESS, sleeper, 1));
	TRY(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &(int){ 1 }));
	TRY(setgroups(0, NULL));
	TRY(setresgid(7, 7, 7));
	TRY(chroot("."));
	TRY(bind(others, (struct sockaddr *)&low, sizeof(low)));
	TRY(setsockopt(others, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 5000 }, 4));
	TRY(sethostname(NULL, 1000));
	TRY(mount("none", "none", "tmpfs", 0, NULL));
	TRY(syscall(SYS_reboot, 0, 0, 0, NULL));
	TRY(syscall(SYS_clock_settime, 0, NOWHERE));
	TRY(setresuid(2000, 2000, 2000));
	SHOW(name, "%s", results);
	_exit(0);
}

static void each_alone(void)
{
	make_file("closed", "x");
	chmod("closed", 0);
	mkdir("dir", 0700);
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	mkdir("open", 0777);
	chmod("open", 0777);
	sleeper = fork();
	if (sleeper == 0) {
		pause();
		_exit(0);
	}
	others = socket(AF_INET, SOCK_DGRAM, 0);
	static const struct {
		const char *name;
		unsigned long set;
	} of[] = {
		{ "none", 0 },
		{ "CAP_CHOWN", BIT(CAP_CHOWN) },
		{ "CAP_DAC_OVERRIDE", BIT(CAP_DAC_OVERRIDE) },
		{ "CAP_DAC_READ_SEARCH", BIT(CAP_DAC_READ_SEARCH) },
		{ "CAP_FOWNER", BIT(CAP_FOWNER) },
		{ "CAP_FOWNER, CAP_FSETID", BIT(CAP_FOWNER) | BIT(CAP_FSETID) },
		{ "CAP_KILL", BIT(CAP_KILL) },
		{ "CAP_SETGID", BIT(CAP_SETGID) },
		{ "CAP_SETUID", BIT(CAP_SETUID) },
		{ "CAP_NET_BIND_SERVICE", BIT(CAP_NET_BIND_SERVICE) },
		{ "CAP_NET_ADMIN", BIT(CAP_NET_ADMIN) },
		{ "CAP_SYS_CHROOT", BIT(CAP_SYS_CHROOT) },
		{ "CAP_SYS_ADMIN", BIT(CAP_SYS_ADMIN) },
		{ "CAP_SYS_BOOT", BIT(CAP_SYS_BOOT) },
		{ "CAP_SYS_NICE", BIT(CAP_SYS_NICE) },
		{ "CAP_SYS_TIME", BIT(CAP_SYS_TIME) },
		{ "CAP_MKNOD", BIT(CAP_MKNOD) },
		{ "all", TOLD },
	};
	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		unlink("open/device");
		unlink("dir/x");
		make_file("sticky/file", "");
		chown("closed", 0, 0);
		chmod("closed", 0);
		tries(of[i].name, of[i].set);
		struct stat st;
		stat("closed", &st);
		SHOW("then", "%o %d %d", st.st_mode, (int)st.st_uid, (int)st.st_gid);
	}
	kill(sleeper, SIGKILL);
}

/* A set-user-ID program, and what keeps it from being one. */
static void programs_of_root(void)
{
	char *arguments[] = { "capabilities", "set-user-ID", NULL }, *environment[] = { NULL };
	char buffer[4096];
	long n;
	int from = dup(self_exe), to = open("program", O_WRONLY | O_CREAT, 0755);
	lseek(from, 0, SEEK_SET);
	while ((n = read(from, buffer, sizeof(buffer))) > 0) {
		write(to, buffer, (size_t)n);
	}
	close(to);
	chmod("program", 04755);
	for (int round = 0; round < 4; round++) {
		pid_t child = fork();
		if (child == 0) {
			if (round & 1) {
				prctl(PR_CAPBSET_DROP, CAP_KILL);
			}
			syscall(SYS_setresuid, 1000, 1000, 1000);
			if (round & 2) {
				prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			}
			execve("program", arguments, environment);
			SHOW("exec", "%s", calls_error(errno));
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

int main(int count, char **arguments)
{
	if (count > 1) {
		show(arguments[1]);
		return 0;
	}
	calls_begin();
	self_exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	setgroups(0, NULL);
	chmod(".", 0755);
	RUN(headers);
	RUN(sets);
	RUN(bounding);
	RUN(ambient);
	RUN(secure_bits);
	RUN(users);
	RUN(users_that_keep);
	RUN(file_users);
	RUN(each_alone);
	RUN(programs_of_root);
	return 0;
}
