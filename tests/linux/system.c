/* SPDX-License-Identifier: MIT */
/* Limits, what the system says of itself, prctl, and the shape of /proc's files. */
#include "calls.h"

#include <sys/klog.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>

static void limits(void)
{
	struct rlimit limit = { 5, 4 }, old;
	CALL(getrlimit(RLIMIT_NOFILE, NOWHERE));
	CALL(syscall(SYS_getrlimit, 16, &old));
	CALL(syscall(SYS_getrlimit, -1, &old));
	CALL(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
	CALL(syscall(SYS_setrlimit, 16, &limit));
	CALL(syscall(SYS_setrlimit, RLIMIT_NOFILE, NOWHERE));
	limit = (struct rlimit){ 50, 60 };
	CALL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, &old));
	CALL(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, &old));
	SHOW("set", "%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
	CALL(syscall(SYS_prlimit64, 99999999, RLIMIT_NOFILE, NULL, &old));
	CALL(syscall(SYS_prlimit64, 0, 16, NULL, &old));
	CALL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NOWHERE, &old));
	limit = (struct rlimit){ 1000, 1000 };
	signal(SIGXFSZ, SIG_IGN);
	CALL(setrlimit(RLIMIT_FSIZE, &limit));
	static char block[2000];
	int fd = (int)CALL(open("file", O_RDWR | O_CREAT, 0600));
	CALL(write(fd, block, 600));
	CALL(write(fd, block, 600));
	CALL(write(fd, block, 1));
	CALL(ftruncate(fd, 1001));
	CALL(ftruncate(fd, 1000));
	CALL(pwrite(fd, block, 10, 2000));
	CALL(fallocate(fd, 0, 0, 2000));
	if (fork() == 0) {
		getrlimit(RLIMIT_FSIZE, &limit);
		SHOW("a child has the same", "%ld", (long)limit.rlim_cur);
		_exit(0);
	}
	wait(NULL);
}

static void writes_too_much(void)
{
	struct rlimit limit = { 10, 10 };
	static char block[20];
	signal(SIGXFSZ, SIG_DFL);
	setrlimit(RLIMIT_FSIZE, &limit);
	int fd = open("big", O_RDWR | O_CREAT, 0600);
	write(fd, block, 20);
	write(fd, block, 20);
}

static void forks_too_much(void)
{
	struct rlimit limit = { 0, 0 };
	setrlimit(RLIMIT_NPROC, &limit);
	syscall(SYS_setresuid, 54321, 54321, 54321);
	pid_t child = fork();
	if (child == 0) {
		_exit(0);
	}
	_exit(child < 0 ? errno : 0);
}

static void limits_that_end(void)
{
	CALL(child_status(writes_too_much));
	if (calls_with("root")) {
		CALL(child_status(forks_too_much));
	}
}

static void usage(void)
{
	struct rusage r;
	CALL(getrusage(RUSAGE_SELF, &r));
	CALL(getrusage(RUSAGE_CHILDREN, &r));
	CALL(getrusage(RUSAGE_THREAD, &r));
	CALL(getrusage(9, &r));
	CALL(getrusage(RUSAGE_SELF, NOWHERE));
	CALL(getrusage(RUSAGE_SELF, &r));
	IS(r.ru_minflt > 0);
}

static void identity(void)
{
	struct utsname u;
	struct sysinfo s;
	CALL(uname(&u));
	SHOW("system and machine", "%s %s", u.sysname, u.machine);
	CALL(uname(NOWHERE));
	IS(strchr(u.release, '.') != NULL);
	CALL(sysinfo(&s));
	SHOW("unit", "%u", s.mem_unit);
	IS(s.totalram > 0 && s.freeram <= s.totalram && s.procs > 0 && s.uptime > 0);
	CALL(sysinfo(NOWHERE));
	CALL(personality(0xffffffff));
}

static void identity_and_log(void)
{
	CALL(syscall(SYS_sethostname, NOWHERE, 3));
	CALL(syscall(SYS_sethostname, "x", -1));
	CALL(syscall(SYS_sethostname, "x", 65));
	CALL(syscall(SYS_setdomainname, "x", 65));
	CALL(klogctl(99, NULL, 0));
	CALL(klogctl(3, NULL, 10));
	CALL(klogctl(10, NULL, 0) > 0);
	CALL(unlink("/proc/uptime"));
}

static void randomness(void)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };
	CALL(getrandom(a, 32, 0));
	CALL(getrandom(b, 32, GRND_NONBLOCK));
	IS(memcmp(a, b, 32) != 0);
	CALL(getrandom(a, 0, 0));
	CALL(getrandom(a, 32, 8));
	CALL(getrandom(a, 32, GRND_RANDOM | 4));
	CALL(getrandom(NOWHERE, 32, 0));
	int fd = (int)CALL(open("/dev/urandom", O_RDWR));
	CALL(read(fd, a, 32));
	CALL(write(fd, a, 32));
	CALL(read(fd, NOWHERE, 32));
	CALL(close(open("/dev/random", O_RDONLY)));
}

static void process_control(void)
{
	char name[17] = "";
	CALL(prctl(PR_SET_NAME, "a name that is longer than fifteen"));
	CALL(prctl(PR_GET_NAME, name));
	SHOW("name", "%s", name);
	CALL(prctl(PR_SET_NAME, NOWHERE));
	CALL(prctl(PR_GET_DUMPABLE));
	CALL(prctl(PR_SET_DUMPABLE, 0));
	CALL(prctl(PR_GET_DUMPABLE));
	CALL(prctl(PR_SET_DUMPABLE, 7));
	CALL(prctl(PR_SET_PDEATHSIG, 65));
	CALL(prctl(9999, 0, 0, 0, 0));
	uint64_t base = 1;
	CALL(syscall(SYS_arch_prctl, 0x1003, &base));
	IS(base != 1 && base != 0);
	CALL(syscall(SYS_arch_prctl, 0x1003, NOWHERE));
	CALL(syscall(SYS_arch_prctl, 0x1002, KERNELS));
	CALL(syscall(SYS_arch_prctl, 0x9999, 0));
	struct {
		uint32_t version;
		int pid;
	} header = { 0x20080522, 0 };
	uint32_t data[6] = { 0 };
	CALL(syscall(SYS_capget, &header, data));
	CALL(syscall(SYS_capset, &header, data));
	header.version = 1;
	CALL(syscall(SYS_capget, &header, data));
	SHOW("the version that is right", "%x", header.version);
	CALL(syscall(SYS_capget, &header, NULL));
	header.version = 0x20080522;
	CALL(syscall(SYS_capset, &header, data));
	CALL(syscall(SYS_capset, &header, NOWHERE));
	header.version = 1;
	CALL(syscall(SYS_capset, &header, data));
	header.version = 0x20080522;
	header.pid = 99999999;
	CALL(syscall(SYS_capset, &header, data));
	CALL(syscall(9999));
	CALL(syscall(-5));
}

/* A line with every number made 0, its sign left out, and runs of blanks made one. */
static void shape_of(const char *name, const char *key)
{
	char line[512], shape[512];
	FILE *file = fopen(name, "r");
	if (!file) {
		calls_line("shape_of", name, "%s", calls_error(errno));
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) == 0) {
			int to = 0;
			for (char *from = line; *from && *from != '\n'; from++) {
				if (*from == '-' && from[1] >= '0' && from[1] <= '9') {
					continue;
				}
				bool digit = *from >= '0' && *from <= '9', blank = *from == ' ' || *from == '\t';
				char c = digit ? '0' : blank ? ' ' : *from;
				if (!((digit || blank) && to > 0 && shape[to - 1] == c)) {
					shape[to++] = c;
				}
			}
			shape[to] = '\0';
			calls_line("shape_of", name, "%s", shape);
			fclose(file);
			return;
		}
	}
	calls_line("shape_of", name, "no line with %s", key);
	fclose(file);
}

/* What /proc says of descriptors that have no path; numbers are cut off. */
static void nameless_descriptors(void)
{
	int ends[2], pair[2], fds[4];
	pipe(ends);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fds[0] = ends[0];
	fds[1] = pair[1];
	fds[2] = (int)syscall(SYS_memfd_create, "a name", 1);
	fds[3] = open("gone", O_RDWR | O_CREAT, 0600);
	unlink("gone");
	for (int i = 0; i < 4; i++) {
		char link[64], target[300] = "";
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fds[i]);
		IS(readlink(link, target, sizeof(target) - 1) > 0);
		target[strcspn(target, "[")] = '\0';
		SHOW("target", "%s", strrchr(target, '/') ? strrchr(target, '/') : target);
	}
}

static void number_show(const char *name, const char *path, int unit)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) > 0) {
		SHOW(name, "%ld", strtol(text, NULL, 10) / unit);
	}
	close(fd);
}

static void oom_child(void)
{
	number_show("a child's", "/proc/self/oom_score_adj", 1);
}

/* As a user: below what was inherited needs a privilege. */
static void out_of_memory(void)
{
	static const char *const texts[] = { "0", "1000\n", "1001", "-1001", "x", "7x", "", "-", "+20", "300", "50", "0", "-1", "-1000" };
	int fd = open("/proc/self/oom_score_adj", O_RDWR);
	syscall(SYS_setresuid, 1000, 1000, 1000);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		SHOW("length", "%u", (unsigned)strlen(texts[i]));
		CALL(write(fd, texts[i], strlen(texts[i])));
		number_show("is", "/proc/self/oom_score_adj", 1);
	}
	CALL(write(fd, "300", 3));
	CALL(child_status(oom_child));
	number_show("score", "/proc/self/oom_score", 50);
	CALL(write(fd, "1000", 4));
	number_show("score", "/proc/self/oom_score", 50);
	CALL(open("/proc/self/oom_score", O_WRONLY));
	CALL(open("/proc/1/oom_score_adj", O_WRONLY));
}

static unsigned long number_of(const char *path, const char *key)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	long n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *at = strstr(text, key);
	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

static void nothing(int signal)
{
}

/* Who sleeps may be woken without an interrupt; who computes is interrupted by a timer. */
static bool interrupts_grow(unsigned long from)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	bool grown = false;
	signal(SIGALRM, nothing);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 10000 && !grown; i++) {
		for (volatile int step = 0; step < 1000000; step++) {
		}
		grown = number_of("/proc/stat", "\nintr ") > from;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	alarm(200); /* as before: what hangs */
	return grown;
}

static void numbers_that_grow(void)
{
	unsigned long switches = number_of("/proc/stat", "\nctxt "), interrupts = number_of("/proc/stat", "\nintr ");
	for (int i = 0; i < 20; i++) {
		usleep(10000);
	}
	IS(number_of("/proc/stat", "\nctxt ") >= switches + 20);
	IS(interrupts_grow(interrupts));
}

static void io_counts(void)
{
	char buffer[1000];
	int fds[2];
	pipe(fds);
	unsigned long before[4] = { number_of("/proc/self/io", "rchar: "), number_of("/proc/self/io", "wchar: "),
				    number_of("/proc/self/io", "syscr: "), number_of("/proc/self/io", "syscw: ") };
	for (int i = 0; i < 10; i++) {
		write(fds[1], buffer, 1000);
		read(fds[0], buffer, 1000);
	}
	IS(number_of("/proc/self/io", "rchar: ") >= before[0] + 10000);
	IS(number_of("/proc/self/io", "wchar: ") >= before[1] + 10000);
	IS(number_of("/proc/self/io", "syscr: ") >= before[2] + 10);
	IS(number_of("/proc/self/io", "syscw: ") >= before[3] + 10);
}

/* What CPUID says is on the line, and the other way round. */
static void cpu_flags(void)
{
	static char text[16384];
	uint32_t a = 1, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	int fd = open("/proc/cpuinfo", O_RDONLY);
	long n = read(fd, text, sizeof(text) - 2);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *flags = strstr(text, "\nflags"), *end = flags ? strchr(flags + 1, '\n') : NULL;
	if (!end) {
		SHOW("flags", "there are none");
		return;
	}
	memcpy(end, " ", 2);
	IS((strstr(flags, " sse2 ") != NULL) == (d >> 26 & 1));
	IS((strstr(flags, " ssse3 ") != NULL) == (c >> 9 & 1));
	IS((strstr(flags, " aes ") != NULL) == (c >> 25 & 1));
	IS((strstr(flags, " avx ") != NULL) == (c >> 28 & 1));
	IS((strstr(flags, " rdrand ") != NULL) == (c >> 30 & 1));
	IS(strstr(flags, " lm ") != NULL);
}

static void proc_files(void)
{
	char target[200] = "", line[300] = "", expected[32];
	char c = 0;
	struct stat st;
	static const char *const of_status[] = { "Name:", "Umask:", "State:", "Tgid:", "Pid:", "PPid:", "TracerPid:", "Uid:", "Gid:", "FDSize:",
		"VmPeak:", "VmSize:", "VmRSS:", "VmData:", "VmStk:", "Threads:", "SigQ:", "SigPnd:", "SigBlk:", "SigIgn:", "SigCgt:",
		"Cpus_allowed:", "voluntary_ctxt_switches:" };
	static const char *const of_memory[] = { "MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapTotal:", "SwapFree:",
		"Dirty:", "AnonPages:", "Mapped:", "Shmem:", "Slab:" };
	for (unsigned i = 0; i < sizeof(of_status) / sizeof(of_status[0]); i++) {
		shape_of("/proc/self/status", of_status[i]);
	}
	for (unsigned i = 0; i < sizeof(of_memory) / sizeof(of_memory[0]); i++) {
		shape_of("/proc/meminfo", of_memory[i]);
	}
	shape_of("/proc/uptime", "");
	shape_of("/proc/self/statm", "");
	shape_of("/proc/self/stat", "");
	shape_of("/proc/loadavg", "");
	shape_of("/proc/self/comm", "");
	shape_of("/proc/stat", "cpu ");
	shape_of("/proc/stat", "btime");
	shape_of("/proc/stat", "processes");
	shape_of("/proc/filesystems", "nodev\tproc");
	shape_of("/proc/self/limits", "Limit");
	shape_of("/proc/self/limits", "Max processes");
	shape_of("/proc/sys/kernel/ostype", "");
	shape_of("/proc/stat", "ctxt");
	shape_of("/proc/self/io", "rchar:");
	shape_of("/proc/self/io", "syscw:");
	shape_of("/proc/self/io", "write_bytes:");
	shape_of("/proc/self/io", "cancelled_write_bytes:");
	shape_of("/proc/cpuinfo", "processor");
	CALL(close(open("/proc/self/mountinfo", O_RDONLY)));
	CALL(close(open("/proc/self/cgroup", O_RDONLY)));
	numbers_that_grow();
	io_counts();
	cpu_flags();
	CALL(readlink("/proc/self", target, sizeof(target)) > 0);
	snprintf(expected, sizeof(expected), "%d", getpid());
	IS(strcmp(target, expected) == 0);
	memset(target, 0, sizeof(target));
	CALL(readlink("/proc/self/exe", target, sizeof(target)) > 0);
	SHOW("exe", "%s", strrchr(target, '/'));
	memset(target, 0, sizeof(target));
	CALL(readlink("/proc/self/cwd", target, sizeof(target)) > 0);
	SHOW("cwd", "%s", strrchr(target, '/'));
	CALL(readlink("/proc/self/root", target, sizeof(target)));
	CALL(open("/proc/99999999", O_RDONLY));
	CALL(open("/proc/self/none", O_RDONLY));
	CALL(open("/proc/new", O_RDWR | O_CREAT, 0600));
	CALL(mkdir("/proc/new", 0755));
	CALL(stat("/proc/self/status", &st));
	SHOW("mode and size", "%o %ld", st.st_mode, (long)st.st_size);
	CALL(stat("/proc", &st));
	SHOW("mode", "%o", st.st_mode);
	int fd = (int)CALL(open("/proc/self/cmdline", O_RDONLY));
	long length = CALL(read(fd, line, sizeof(line)) > 0);
	SHOW("command", "%s", length > 0 && strrchr(line, '/') ? strrchr(line, '/') : line);
	CALL(lseek(fd, 0, SEEK_SET));
	CALL(read(fd, &c, 1));
	CALL(write(fd, "x", 1));
	CALL(close(open("/proc/self/maps", O_RDONLY)));
	CALL(close(open("/proc/self/fd", O_RDONLY | O_DIRECTORY)));
	CALL(close(open("/proc/self/task", O_RDONLY | O_DIRECTORY)));
	CALL(open("/proc/self/fd/99", O_RDONLY));
}

int main(void)
{
	calls_begin();
	RUN(limits);
	RUN(limits_that_end);
	RUN(usage);
	RUN(identity);
	if (calls_with("root")) {
		RUN(identity_and_log);
	}
	RUN(randomness);
	RUN(process_control);
	RUN(nameless_descriptors);
	RUN(proc_files);
	RUN(out_of_memory);
	return 0;
}
