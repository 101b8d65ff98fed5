/* SPDX-License-Identifier: MIT */
/*
 * Random system calls with random and hostile arguments: `calls SECONDS SEED PROCESSES`. Each round is a child process in a session of its
 * own, which makes some hundreds of calls, chosen by a generator that its seed determines, and ends; half of the rounds run as user 65534.
 * Arguments come by the call's types (`signatures`), and one in eight from what is nobody's: kernel addresses, edges, huge numbers.
 * `calls 0 SEED 1` runs one round again and prints what it calls. Nothing is judged here but that rounds end:
 * tests/boot/fuzz-calls.sh judges the kernel. A round's name is its seed, which a panic's report names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS_A_ROUND 400
#define ARENA_PAGES 64
#define PAGE 4096ul
#define FDS 24
#define NOBODY 65534

/* Types of arguments, a letter each. */
static const char *const signatures[480] = {
	[SYS_read] = "fbz", [SYS_write] = "fbz", [SYS_open] = "pxm", [SYS_close] = "f", [SYS_stat] = "pb", [SYS_fstat] = "fb",
	[SYS_lstat] = "pb", [SYS_poll] = "biI", [SYS_lseek] = "fow", [SYS_mmap] = "azxxfo", [SYS_mprotect] = "azi", [SYS_munmap] = "az",
	[SYS_brk] = "a", [SYS_rt_sigaction] = "sbb8", [SYS_rt_sigprocmask] = "ibb8", [SYS_ioctl] = "fkb", [SYS_pread64] = "fbzo",
	[SYS_pwrite64] = "fbzo", [SYS_readv] = "fvi", [SYS_writev] = "fvi", [SYS_access] = "pm", [SYS_pipe] = "b", [SYS_select] = "ibbbt",
	[SYS_sched_yield] = "", [SYS_mremap] = "azzia", [SYS_msync] = "azi", [SYS_mincore] = "azb", [SYS_madvise] = "azi", [SYS_dup] = "f",
	[SYS_dup2] = "ff", [SYS_nanosleep] = "tt", [SYS_getitimer] = "ib", [SYS_alarm] = "i", [SYS_setitimer] = "ibb", [SYS_getpid] = "",
	[SYS_sendfile] = "ffbz", [SYS_socket] = "iii", [SYS_connect] = "fAL", [SYS_accept] = "fbb", [SYS_sendto] = "fbzxAL",
	[SYS_recvfrom] = "fbzxbb", [SYS_sendmsg] = "fMx", [SYS_recvmsg] = "fMx", [SYS_shutdown] = "fi", [SYS_bind] = "fAL", [SYS_listen] = "fi",
	[SYS_getsockname] = "fbb", [SYS_getpeername] = "fbb", [SYS_socketpair] = "iiib", [SYS_setsockopt] = "fiibi", [SYS_getsockopt] = "fiibb",
	[SYS_clone] = "xabbb", [SYS_fork] = "", [SYS_vfork] = "", [SYS_execve] = "pnn", [SYS_wait4] = "Pbib", [SYS_kill] = "Ps",
	[SYS_uname] = "b", [SYS_fcntl] = "fqi", [SYS_flock] = "fi", [SYS_fsync] = "f", [SYS_fdatasync] = "f", [SYS_truncate] = "po",
	[SYS_ftruncate] = "fo", [SYS_getdents] = "fbz", [SYS_getcwd] = "bz", [SYS_chdir] = "p", [SYS_fchdir] = "f", [SYS_rename] = "pp",
	[SYS_mkdir] = "pm", [SYS_rmdir] = "p", [SYS_creat] = "pm", [SYS_link] = "pp", [SYS_unlink] = "p", [SYS_symlink] = "pp",
	[SYS_readlink] = "pbz", [SYS_chmod] = "pm", [SYS_fchmod] = "fm", [SYS_chown] = "puu", [SYS_fchown] = "fuu", [SYS_lchown] = "puu",
	[SYS_umask] = "m", [SYS_gettimeofday] = "bb", [SYS_getrlimit] = "ib", [SYS_getrusage] = "ib", [SYS_sysinfo] = "b", [SYS_times] = "b",
	[SYS_ptrace] = "iPbb", [SYS_syslog] = "ibi", [SYS_setpgid] = "PP", [SYS_setreuid] = "uu", [SYS_setregid] = "uu",
	[SYS_getgroups] = "ib", [SYS_setgroups] = "ib", [SYS_setresuid] = "uuu", [SYS_getresuid] = "bbb", [SYS_setresgid] = "uuu",
	[SYS_getpgid] = "P", [SYS_getsid] = "P", [SYS_rt_sigpending] = "b8", [SYS_rt_sigtimedwait] = "bbt8", [SYS_rt_sigqueueinfo] = "Psb",
	[SYS_rt_sigsuspend] = "b8", [SYS_sigaltstack] = "bb", [SYS_utime] = "pb", [SYS_mknod] = "pmi", [SYS_personality] = "i",
	[SYS_statfs] = "pb", [SYS_fstatfs] = "fb", [SYS_getpriority] = "iP", [SYS_setpriority] = "iPi", [SYS_sched_setparam] = "Pb",
	[SYS_sched_getparam] = "Pb", [SYS_sched_setscheduler] = "Pib", [SYS_sched_getscheduler] = "P", [SYS_mlock] = "az", [SYS_munlock] = "az",
	[SYS_mlockall] = "i", [SYS_prctl] = "iiiii", [SYS_arch_prctl] = "ib", [SYS_setrlimit] = "ib", [SYS_chroot] = "p", [SYS_sync] = "",
	[SYS_gettid] = "", [SYS_readahead] = "foz", [SYS_setxattr] = "ppbzi", [SYS_getxattr] = "ppbz", [SYS_tkill] = "Ps", [SYS_time] = "b",
	[SYS_futex] = "biitbi", [SYS_sched_setaffinity] = "Pzb", [SYS_sched_getaffinity] = "Pzb", [SYS_epoll_create] = "i",
	[SYS_getdents64] = "fbz", [SYS_set_tid_address] = "b", [SYS_fadvise64] = "fozi", [SYS_timer_create] = "ibb", [SYS_timer_settime] = "iibb",
	[SYS_timer_gettime] = "ib", [SYS_timer_getoverrun] = "i", [SYS_timer_delete] = "i", [SYS_clock_gettime] = "ib", [SYS_clock_getres] = "ib",
	[SYS_clock_nanosleep] = "iitt", [SYS_epoll_wait] = "fbiI", [SYS_epoll_ctl] = "fifb", [SYS_tgkill] = "PPs", [SYS_utimes] = "pb",
	[SYS_waitid] = "iPbib", [SYS_openat] = "dpxm", [SYS_mkdirat] = "dpm", [SYS_mknodat] = "dpmi", [SYS_fchownat] = "dpuux",
	[SYS_newfstatat] = "dpbx", [SYS_unlinkat] = "dpx", [SYS_renameat] = "dpdp", [SYS_linkat] = "dpdpx", [SYS_symlinkat] = "pdp",
	[SYS_readlinkat] = "dpbz", [SYS_fchmodat] = "dpm", [SYS_faccessat] = "dpm", [SYS_pselect6] = "ibbbtb", [SYS_ppoll] = "bitb8",
	[SYS_set_robust_list] = "bz", [SYS_get_robust_list] = "Pbb", [SYS_splice] = "fbfbzx", [SYS_tee] = "ffzx", [SYS_sync_file_range] = "fozi",
	[SYS_vmsplice] = "fvix", [SYS_utimensat] = "dpbx", [SYS_epoll_pwait] = "fbiIb8", [SYS_signalfd] = "fb8", [SYS_timerfd_create] = "ix",
	[SYS_eventfd] = "i", [SYS_fallocate] = "fioz", [SYS_timerfd_settime] = "fibb", [SYS_timerfd_gettime] = "fb", [SYS_accept4] = "fbbx",
	[SYS_signalfd4] = "fb8x", [SYS_eventfd2] = "ix", [SYS_epoll_create1] = "x", [SYS_dup3] = "ffx", [SYS_pipe2] = "bx",
	[SYS_inotify_init1] = "x", [SYS_preadv] = "fvioo", [SYS_pwritev] = "fvioo", [SYS_rt_tgsigqueueinfo] = "PPsb", [SYS_recvmmsg] = "fbixt",
	[SYS_prlimit64] = "Pibb", [SYS_syncfs] = "f", [SYS_sendmmsg] = "fbix", [SYS_getcpu] = "bbb", [SYS_process_vm_readv] = "Pvivix",
	[SYS_process_vm_writev] = "Pvivix", [SYS_renameat2] = "dpdpi", [SYS_getrandom] = "bzx", [SYS_memfd_create] = "px",
	[SYS_execveat] = "dpnnx", [SYS_membarrier] = "iii", [SYS_copy_file_range] = "fbfbzx", [SYS_preadv2] = "fvioox", [SYS_pwritev2] = "fvioox",
	[SYS_statx] = "dpxxb", [SYS_rseq] = "bzii", [SYS_pidfd_send_signal] = "fsbx", [SYS_pidfd_open] = "Px", [SYS_clone3] = "bz",
	[SYS_close_range] = "fxx", [SYS_openat2] = "dpbz", [SYS_pidfd_getfd] = "ffx", [SYS_faccessat2] = "dpmx", [SYS_epoll_pwait2] = "fbitb8",
};

/* What would end the machine, set its clock or take the file systems from under the others; and rt_sigreturn, which ends most rounds at once. */
static const int forbidden[] = { SYS_reboot, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_mount, SYS_umount2, SYS_pivot_root,
	SYS_swapon, SYS_swapoff, SYS_vhangup, SYS_kexec_load, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_pause };

/* What changes names and files: root does that to the round's own ones, or the next rounds would find no /dev/null. */
static const int naming[] = { SYS_chmod, SYS_fchmodat, SYS_chown, SYS_lchown, SYS_fchownat, SYS_unlink, SYS_unlinkat, SYS_rmdir, SYS_rename, SYS_renameat,
	SYS_renameat2, SYS_link, SYS_linkat, SYS_symlink, SYS_symlinkat, SYS_mknod, SYS_mknodat, SYS_mkdir, SYS_mkdirat, SYS_truncate, SYS_creat, SYS_utime,
	SYS_utimes, SYS_futimesat, SYS_utimensat, SYS_open, SYS_openat, SYS_chdir };

/* What often ends the round that calls it: one in sixteen of these is made. */
static const int lethal[] = { SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_execve, SYS_execveat, SYS_munmap, SYS_mprotect,
	SYS_mremap, SYS_mmap, SYS_shmat, SYS_setrlimit, SYS_prlimit64, SYS_prctl, SYS_timer_settime, SYS_alarm, SYS_setitimer, SYS_rt_sigsuspend,
		SYS_ptrace };

/* What a round tells, in memory that it shares with who waits for it. */
struct progress {
	uint64_t calls;
	long last;
};

static uint64_t state;
static struct progress *progress;
static uint8_t *arena, *fixed_page, *closed_page;
static pid_t family[8];
static bool tells, stays_below;
static int nothing; /* /dev/null */

static uint64_t random_next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t n)
{
	return random_next() % n;
}

static uint64_t hostile(void)
{
	static const uint64_t numbers[] = { 0, 1, 8, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000,
		0x7ffffffff000,
		0xffff800000000000, 0xffff888000000000, 0xffffffff80000000, 0xffffffff80100000, 0xfffffffffffff000, 0x7fffffffffffffff,
			0x8000000000000000, ~0ull };
	switch (below(4)) {
	case 0:
		return random_next();
	case 1:
		return (uint64_t)fixed_page + below(PAGE);
	case 2:
		return (uint64_t)closed_page - below(16);
	default:
		return numbers[below(sizeof(numbers) / sizeof(*numbers))];
	}
}

/* A buffer of the arena, with something in it: random bytes, small numbers, or pointers and lengths. One in eight ends at a page that is not there. */
static uint64_t buffer(void)
{
	uint8_t *at = below(8) ? arena + below(ARENA_PAGES - 1) * PAGE + below(16) * 8 : closed_page - below(256);
	uint64_t words[16];
	for (int i = 0; i < 16; i++) {
		switch (below(4)) {
		case 0:
			words[i] = random_next();
			break;
		case 1:
			words[i] = (uint64_t)arena + below(ARENA_PAGES * PAGE);
			break;
		default:
			words[i] = below(64);
		}
	}
	size_t room = (size_t)(closed_page - at);
	memcpy(at, words, room < sizeof(words) ? room : sizeof(words));
	return (uint64_t)at;
}

static uint64_t vector(int count)
{
	uint64_t *v = (uint64_t *)(arena + below(ARENA_PAGES - 2) * PAGE);
	for (int i = 0; i < count; i++) {
		v[2 * i] = below(16) ? (uint64_t)arena + below(ARENA_PAGES * PAGE) : hostile();
		v[2 * i + 1] = below(16) ? below(5000) : hostile();
	}
	return (uint64_t)v;
}

static uint64_t message(void)
{
	struct msghdr *m = (struct msghdr *)(arena + below(ARENA_PAGES - 2) * PAGE + 2048);
	int count = (int)below(4);
	*m = (struct msghdr){ .msg_iov = (void *)vector(count), .msg_iovlen = (size_t)count };
	if (below(2)) {
		struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)m + 512);
		int *fds = (int *)CMSG_DATA(c);
		int n = 1 + (int)below(3);
		*c = (struct cmsghdr){ .cmsg_len = below(8) ? (socklen_t)CMSG_LEN((size_t)n * 4) : (socklen_t)random_next(), .cmsg_level = SOL_SOCKET,
			.cmsg_type = 1 + (int)below(2) };
		for (int i = 0; i < n; i++) {
			fds[i] = (int)below(FDS);
		}
		m->msg_control = c;
		m->msg_controllen = below(8) ? CMSG_SPACE((size_t)n * 4) : below(4096);
	}
	return (uint64_t)m;
}

static uint64_t address(void)
{
	struct sockaddr_un *a = (struct sockaddr_un *)(arena + below(ARENA_PAGES - 2) * PAGE);
	a->sun_family = below(16) ? AF_UNIX : (sa_family_t)below(40);
	snprintf(a->sun_path, sizeof(a->sun_path), "%cs%d", below(2) ? '\0' : '.', (int)below(8));
	return (uint64_t)a;
}

static uint64_t path(void)
{
	static const char *const names[] = { "", ".", "..", "a", "b", "c", "d", "a/b", "a/b/c", "d/../a", "./a/.", "link", "link/x", "loop", "fifo",
		"a\xff\x80\n", "name-of-some-length-that-is-not-short", /* from here on, absolute ones */ "/", "//a//b//", "/dev/null", "/dev/zero",
			"/dev/full",
		"/dev/ptmx", "/dev/tty", "/dev/urandom", "/proc/self/maps", "/proc/self/fd/3", "/proc/self/mem", "/proc/self/status",
			"/proc/self/exe", "/proc/self/cwd/a", "/proc/meminfo",
		"/proc/1/stat", "/proc/self/task", "/tmp" };
	size_t count = stays_below ? 17 : sizeof(names) / sizeof(*names);
	char *at = (char *)arena + below(ARENA_PAGES - 4) * PAGE;
	uint64_t kind = below(32);
	if (kind == 0) { /* around NAME_MAX and PATH_MAX */
		size_t length = below(2) ? 250 + below(10) : 4090 + below(10);
		memset(at, below(2) ? 'n' : '/', length);
		at[length] = '\0';
	} else if (kind == 1) { /* ends at a page that is not there, or not at all */
		at = (char *)closed_page - 1 - below(4);
		memset(at, 'e', (size_t)((char *)closed_page - at));
		closed_page[-1] = below(2) ? '\0' : 'e';
	} else {
		strcpy(at, names[below(count)]);
	}
	return (uint64_t)at;
}

/* Only the round's own family, and nobody: a round must not stop the others. */
static uint64_t process(void)
{
	switch (below(6)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)getpid();
	case 2:
		return (uint64_t)-getpid();
	case 3:
		return 0x7ffffff0 + below(15);
	case 4:
		return below(2) ? (uint64_t)INT64_MIN : (uint64_t)INT32_MIN;
	default:
		return (uint64_t)family[below(8)] ?: (uint64_t)getpid();
	}
}

static uint64_t time_pointer(void)
{
	uint64_t *t = (uint64_t *)(arena + below(ARENA_PAGES - 1) * PAGE);
	t[0] = below(16) ? 0 : hostile();
	t[1] = below(16) ? below(1000000) : hostile();
	return below(4) ? (uint64_t)t : 0;
}

static uint64_t argument(char type)
{
	static const uint64_t requests[] = { 0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5407, 0x5409, 0x540a, 0x540b, 0x540e, 0x540f, 0x5410, 0x5411,
		0x5413, 0x5414, 0x541b, 0x5421, 0x5422,
		0x5429, 0x5450, 0x5451, 0x80045430, 0x40045431, 0x80045439, 0x802c542a, 0x402c542b, 0x8910, 0x8912, 0x1260, 0x80081272 };
	switch (type) {
	case 'f':
		return below(32) ? below(FDS) : hostile();
	case 'd':
		return below(3) ? (uint64_t)AT_FDCWD : below(FDS);
	case 'p':
		return path();
	case 'b':
		return below(16) ? buffer() : 0;
	case 'z':
		return below(4) ? below(9000) : below(8) ? below(1 << 20) : hostile();
	case 'o':
		return below(4) ? below(100000) : hostile();
	case 'i':
		return below(16) ? below(20) : below(4) ? 1ull << below(32) : hostile();
	case 'I':
		return below(30);
	case 'x':
		return below(3) == 0 ? 0 : below(2) ? 1ull << below(32) : random_next() & random_next() & 0xffffffff;
	case 'm':
		return below(8) ? below(010000) : random_next();
	case 'u':
		return below(4) ? ~0ull : below(2) ? NOBODY : below(70000);
	case 'w':
		return below(7);
	case 'a':
		return below(8) ? (uint64_t)arena + below(ARENA_PAGES * 2) * PAGE : below(2) ? 0 : hostile();
	case 's':
		return below(70);
	case 't':
		return time_pointer();
	case 'v':
		return vector(8);
	case 'M':
		return message();
	case 'A':
		return address();
	case 'L':
		return below(4) ? 4 + below(12) : below(200);
	case 'k':
		return below(8) ? requests[below(sizeof(requests) / sizeof(*requests))] : random_next();
	case 'q':
		return below(4) ? below(16) : 1024 + below(16);
	case 'P':
		return process();
	case 'n': {
		uint64_t *list = (uint64_t *)(arena + below(ARENA_PAGES - 1) * PAGE + 1024);
		list[0] = path();
		list[1] = below(16) ? 0 : hostile();
		list[2] = 0;
		return (uint64_t)list;
	}
	case '8':
		return below(32) ? 8 : hostile();
	default:
		return hostile();
	}
}

static bool is_among(long number, const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] == (int)number) {
			return true;
		}
	}
	return false;
}
#define IS_AMONG(number, list) is_among(number, list, sizeof(list) / sizeof(*(list)))

static long raw(long number, const uint64_t a[6])
{
	register uint64_t r10 asm("r10") = a[3];
	register uint64_t r8 asm("r8") = a[4];
	register uint64_t r9 asm("r9") = a[5];
	long result;
	asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}

/* One call; in a process that it has made, a few more or the end. */
static void call(int *left)
{
	long number = below(32) ? (long)below(460) : (long)below(2) ? (long)random_next() : (long)below(1000);
	const char *types = number >= 0 && number < 480 ? signatures[number] : NULL;
	bool exact = number == SYS_kill || number == SYS_tkill || number == SYS_tgkill || number == SYS_rt_sigqueueinfo || number == SYS_rt_tgsigqueueinfo ||
		     number == SYS_ptrace || number == SYS_prlimit64 || number == SYS_setpriority || number == SYS_process_vm_writev;
	uint64_t a[6];
	if (IS_AMONG(number, forbidden) || (IS_AMONG(number, lethal) && below(16) != 0)) {
		return;
	}
	stays_below = geteuid() == 0 && IS_AMONG(number, naming) && (below(4) || (number != SYS_open && number != SYS_openat));
	for (size_t i = 0; i < 6; i++) {
		char type = types && i < strlen(types) ? types[i] : '?';
		a[i] = argument(!exact && type != 'P' && below(24) == 0 ? '?' : type);
	}
	if (number == SYS_setpriority || number == SYS_kill) { /* not "all of this user" */
		a[number == SYS_kill ? 0 : 1] = (uint64_t)getpid();
	}
	if (tells) {
		fprintf(stderr, "%ld(%lx, %lx, %lx, %lx, %lx, %lx)\n", number, (long)a[0], (long)a[1], (long)a[2], (long)a[3], (long)a[4], (long)a[5]);
	}
	pid_t self = getpid();
	progress->last = number;
	__atomic_fetch_add(&progress->calls, 1, __ATOMIC_RELAXED);
	long result = raw(number, a);
	if (getpid() != self) {
		if (below(2)) {
			_exit(0);
		}
		*left /= 4;
	} else if (result > 1 && (number == SYS_fork || number == SYS_vfork || number == SYS_clone || number == SYS_clone3)) {
		family[below(8)] = (pid_t)result;
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void open_some(void)
{
	int pair[2];
	mkdir("a", 0755);
	mkdir("a/b", 0777);
	symlink("a", "link");
	symlink("loop", "loop");
	mkfifo("fifo", 0666);
	close(open("c", O_CREAT | O_RDWR, 0666));
	for (int fd = 0; fd < 3; fd++) {
		dup2(nothing, fd);
	}
	open("c", O_RDWR);
	open("d", O_RDWR | O_CREAT, 0666);
	open("a", O_RDONLY | O_DIRECTORY);
	pipe(pair);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	socket(AF_UNIX, SOCK_SEQPACKET, 0);
	epoll_create1(0);
	eventfd(0, EFD_NONBLOCK);
	open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	open("/proc/self/stat", O_RDONLY);
	open("/dev/zero", O_RDWR);
	open("fifo", O_RDWR | O_NONBLOCK);
}

static void limit(int which, rlim_t to)
{
	setrlimit(which, &(struct rlimit){ to, to });
}

/* What sleeps is woken ten milliseconds later, unless a call has just undone this. */
static void wake_regularly(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 10000 }, { 0, 10000 } }, NULL);
}

static int round_of(uint64_t seed)
{
	char name[16];
	snprintf(name, sizeof(name), "fz%llu", (unsigned long long)seed);
	prctl(PR_SET_NAME, name);
	setsid();
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (int i = 0; i < 8; i++) {
		random_next();
	}
	arena = mmap((void *)0x10000000000, (ARENA_PAGES + 2) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (arena == MAP_FAILED) {
		return 1;
	}
	closed_page = arena + ARENA_PAGES * PAGE;
	fixed_page = closed_page + PAGE;
	mprotect(closed_page, PAGE, PROT_NONE);
	mprotect(fixed_page, PAGE, PROT_READ);
	int said = tells ? dup(2) : -1;
	open_some();
	if (tells) {
		dup2(said, 2);
	}
	limit(RLIMIT_FSIZE, 16 << 20);
	limit(RLIMIT_NPROC, 60);
	limit(RLIMIT_AS, 256 << 20);
	limit(RLIMIT_CORE, 0);
	if (seed % 2 && setgid(NOBODY) + setuid(NOBODY) != 0) {
		return 1;
	}
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (int left = CALLS_A_ROUND; left > 0; left--) {
		if (left % 8 == 0) {
			wake_regularly();
		}
		call(&left);
	}
	return 0;
}

/* Ends what a round left behind outside of its session: the rounds' processes bear their name. */
static int sweep(uint64_t seed)
{
	char want[16], path_of[64], name[32];
	struct dirent *entry;
	int swept = 0;
	DIR *proc = opendir("/proc");
	snprintf(want, sizeof(want), "fz%llu\n", (unsigned long long)seed);
	while (proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);
		snprintf(path_of, sizeof(path_of), "/proc/%d/comm", pid);
		int fd = pid > 0 ? open(path_of, O_RDONLY) : -1;
		ssize_t n = fd >= 0 ? read(fd, name, sizeof(name) - 1) : 0;
		name[n > 0 ? n : 0] = '\0';
		if (fd >= 0) {
			close(fd);
		}
		if ((strcmp(name, want) == 0 || strcmp(name, "exe\n") == 0) && pid != getpid()) { /* "exe": one that has executed /proc/self/exe */
			kill(pid, SIGKILL);
			swept++;
		}
	}
	if (proc) {
		closedir(proc);
	}
	return swept;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct tally {
	uint64_t rounds, deaths, stuck;
};

/* Runs a round and waits for it, half a second at most. */
static int run_round(uint64_t seed, struct tally *tally)
{
	char directory[32];
	siginfo_t info = { 0 };
	snprintf(directory, sizeof(directory), "round%llu", (unsigned long long)seed);
	if (mkdir(directory, 0777) != 0 || chmod(directory, 0777) != 0) {
		fprintf(stderr, "calls: no directory %s: %s\n", directory, strerror(errno));
		return 1;
	}
	pid_t child = fork();
	if (child < 0) {
		fprintf(stderr, "calls: no process: %s\n", strerror(errno));
		return 1;
	}
	if (child == 0) {
		_exit(chdir(directory) != 0 || round_of(seed));
	}
	sigset_t alarm_set;
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGCHLD);
	int64_t until = now_ms() + 500;
	while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
		if (now_ms() > until) {
			tally->stuck++;
			kill(child, SIGKILL);
			waitid(P_PID, (id_t)child, &info, WEXITED);
			break;
		}
		sigtimedwait(&alarm_set, NULL, &(struct timespec){ 0, 100000000 });
	}
	tally->deaths += info.si_code != CLD_EXITED;
	kill(-child, SIGKILL);
	for (int i = 0; sweep(seed) && i < 100; i++) {
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) { /* made by CLONE_PARENT */
		}
	}
	char command[64];
	snprintf(command, sizeof(command), "rm -rf round%llu", (unsigned long long)seed);
	int left = system(command);
	if (left != 0) {
		fprintf(stderr, "calls: %s: status %x\n", command, (unsigned)left);
	}
	return left != 0;
}

/* Rounds with seeds from `seed` on until `end`; prints what became of them. */
static int run_rounds(uint64_t seed, int64_t end)
{
	struct tally tally = { 0 };
	int failed = 0;
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED) {
		fprintf(stderr, "calls: no memory\n");
		return 1;
	}
	do {
		failed = run_round(seed + tally.rounds, &tally);
		tally.rounds++;
	} while (now_ms() < end && !failed);
	printf("%llu rounds from seed %llu, %llu calls, %llu rounds ended by a signal, %llu after half a second\n", (unsigned long long)tally.rounds,
	       (unsigned long long)seed, (unsigned long long)progress->calls, (unsigned long long)tally.deaths, (unsigned long long)tally.stuck);
	fflush(stdout);
	return failed;
}

int main(int argc, char **argv)
{
	if (argc != 4) { /* also when a round executes /proc/self/exe */
		fprintf(stderr, "calls SECONDS SEED PROCESSES\n");
		return 2;
	}
	uint64_t seconds = strtoull(argv[1], NULL, 10), seed = strtoull(argv[2], NULL, 10);
	int processes = atoi(argv[3]), failed = 0, status;
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	sigset_t child_set;
	sigemptyset(&child_set);
	sigaddset(&child_set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_set, NULL);
	tells = seconds == 0;
	if (geteuid() != 0) {
		fprintf(stderr, "calls: half of the rounds are another user's: this needs root\n");
		return 2;
	}
	umask(0);
	nothing = open("/dev/null", O_RDWR);
	for (int p = 0; p < processes; p++) {
		if (fork() == 0) {
			_exit(run_rounds(seed + (uint64_t)p * 100000, end));
		}
	}
	while (wait(&status) > 0) {
		failed |= status != 0;
	}
	return failed;
}
