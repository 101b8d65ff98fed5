/* SPDX-License-Identifier: MIT */
/*
 * What a program without privilege gets of one with it: nothing through ptrace, /proc, or what it shared with it before exec. The
 * set-user-ID program is a copy of this one, told what to do by its first argument. Without root there is nothing to try.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

#define NOBODY 1000
#define COPY "privilege-suid"

static char word[16] = "unchanged";

static void drop(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)) {
		_exit(90);
	}
}

static int status_of(pid_t child)
{
	int status;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool copy_make(void)
{
	char buffer[65536];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY), to = open(COPY, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	while ((n = read(from, buffer, sizeof(buffer))) > 0 && write(to, buffer, (size_t)n) == n) {
	}
	return close(from) == 0 && fchmod(to, 04755) == 0 && close(to) == 0 && n == 0;
}

static void run_copy(const char *what, const char *argument)
{
	execl("./" COPY, COPY, what, argument, NULL);
	_exit(91);
}

static void set_user_id_works(void)
{
	pid_t child = fork();
	if (child == 0) {
		drop();
		run_copy("user", NULL);
	}
	CHECK(status_of(child) == 0);
}

/* The tracer had privilege when the child asked to be traced, but might give its rights up: the child's own count. */
static void traced_by_request(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		drop();
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		run_copy("user", NULL);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_CONT, child, NULL, NULL) == 0);
	CHECK(status_of(child) == 1);
}

/* Whoever opened it, what runs later is another program. */
static void memory_file_before_exec(void)
{
	pid_t child = fork();
	if (child == 0) {
		dup2(open("/proc/self/mem", O_RDWR), 30);
		execl("/proc/self/exe", "privilege", "memory", NULL);
		_exit(91);
	}
	CHECK(status_of(child) == 0);
}

static void shared_descriptors(void)
{
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0) {
		execl("/proc/self/exe", "privilege", "descriptor", NULL);
		_exit(91);
	}
	CHECK(status_of(child) == 0);
	CHECK(fcntl(31, F_GETFD) == -1 && errno == EBADF);
}

static void given_up_privilege(void)
{
	pid_t child = fork();
	if (child == 0) {
		drop();
		_exit(prctl(PR_GET_DUMPABLE) == 1);
	}
	CHECK(status_of(child) == 0);
}

static bool closed_to_us(pid_t pid, const char *name)
{
	char path[64], text[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY);
	bool empty = fd < 0 || read(fd, text, sizeof(text)) <= 0;
	close(fd);
	return empty && readlink(path, text, sizeof(text)) < 0;
}

/* As an ordinary user, with a set-user-ID program as its child: 0, or which of the names says something. */
static int look(const char *what)
{
	static const char *const names[] = { "maps", "smaps", "environ", "auxv", "syscall", "mem", "exe", "cwd", "root", "fd/0" };
	int ends[2], bad = 0;
	char byte;
	void *list;
	size_t length;
	drop();
	if (pipe(ends)) {
		return 99;
	}
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 32);
		close(ends[0]);
		close(ends[1]);
		run_copy(what, NULL);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		return 98;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bad = !bad && !closed_to_us(child, names[i]) ? (int)i + 1 : bad;
	}
	int handle = (int)syscall(SYS_pidfd_open, child, 0);
	bad = !bad && handle < 0 ? 97 : !bad && syscall(SYS_pidfd_getfd, handle, 0, 0) >= 0 ? 51 : bad;
	bad = !bad && syscall(SYS_get_robust_list, child, &list, &length) == 0 ? 52 : bad;
	bad = !bad && ptrace(PTRACE_ATTACH, child, NULL, NULL) == 0 ? 50 : bad;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return bad;
}

static int looked;

static void looking_at(const char *what)
{
	pid_t child = fork();
	if (child == 0) {
		_exit(look(what));
	}
	looked = status_of(child);
	if (looked) {
		fprintf(stderr, "%s: %d\n", what, looked);
	}
	CHECK(looked == 0);
}

static void looking_at_privileged(void)
{
	looking_at("wait");
}

static void looking_at_dropped(void)
{
	looking_at("wait-dropped");
}

static int master_open(char name[32])
{
	int number = -1, unlocked = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	ioctl(master, TIOCGPTN, &number);
	ioctl(master, TIOCSPTLCK, &unlocked);
	snprintf(name, 32, "/dev/pts/%d", number);
	return master;
}

/* As an ordinary user: has a terminal, lets go of it but for its node, and opens that when the next one has the number. */
static int keep_a_node(int told, int go_on)
{
	char name[32], byte;
	drop();
	int master = master_open(name), node = open(name, O_PATH);
	close(master);
	if (node < 0 || write(told, "", 1) != 1 || read(go_on, &byte, 1) != 1) {
		return 99;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", node);
	return open(name, O_RDWR | O_NOCTTY) >= 0;
}

static void terminal_of_another(void)
{
	char name[32], byte;
	int told[2], go_on[2];
	CHECK(pipe(told) == 0 && pipe(go_on) == 0);
	pid_t child = fork();
	if (child == 0) {
		close(go_on[1]);
		_exit(keep_a_node(told[1], go_on[0]));
	}
	close(told[1]); /* so that a child that ends early is noticed */
	CHECK(read(told[0], &byte, 1) == 1);
	int master = master_open(name);
	CHECK(master >= 0 && write(go_on[1], "", 1) == 1);
	CHECK(status_of(child) == 0);
	close(master);
	close(told[0]);
	close(go_on[0]);
	close(go_on[1]);
}

/* So many copies of one descriptor; false: an error. */
static bool descriptors_send(int socket, int fd, unsigned count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(250 * sizeof(int))];
	} control;
	struct iovec byte = { "", 1 };
	struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	for (unsigned i = 0; i < count; i++) {
		memcpy(CMSG_DATA(&control.header) + i * sizeof(fd), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_DONTWAIT) == 1;
}

/* As an ordinary user: sends as many as it may, and keeps them on their way. */
static int fill_the_air(int told, int go_on)
{
	int ends[2] = { -1, -1 };
	unsigned long sent = 0;
	char byte;
	drop();
	for (int i = 0; i < 64; i++) { /* pairs, for each takes only so much */
		socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
		while (descriptors_send(ends[0], 0, 250)) {
			sent += 250;
		}
	}
	return write(told, "", 1) != 1 || read(go_on, &byte, 1) != 1 || !sent;
}

static void descriptors_in_flight_of_another(void)
{
	int told[2], go_on[2], ends[2];
	char byte;
	CHECK(pipe(told) == 0 && pipe(go_on) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	pid_t child = fork();
	if (child == 0) {
		close(go_on[1]);
		_exit(fill_the_air(told[1], go_on[0]));
	}
	close(told[1]); /* so that a child that ends early is noticed */
	CHECK(read(told[0], &byte, 1) == 1);
	bool sent = descriptors_send(ends[0], 0, 1);
	CHECK(write(go_on[1], "", 1) == 1 && status_of(child) == 0);
	CHECK(sent);
	close(told[0]);
	close(go_on[0]);
	close(go_on[1]);
	close(ends[0]);
	close(ends[1]);
}

static void remap_onto_itself(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mremap(p, 0, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, p) == MAP_FAILED);
}

static int part(const char *what)
{
	if (strcmp(what, "user") == 0) {
		return geteuid() != 0;
	}
	if (strcmp(what, "memory") == 0) {
		bool changed = pwrite(30, "X", 1, (off_t)(uintptr_t)word) == 1;
		return changed || pread(30, word + 10, 1, (off_t)(uintptr_t)word) == 1 || strcmp(word, "unchanged") != 0;
	}
	if (strcmp(what, "descriptor") == 0) {
		return dup2(0, 31) != 31;
	}
	if (strcmp(what, "wait-dropped") == 0 && seteuid(getuid())) {
		return 97;
	}
	(void)!write(32, "", 1);
	pause();
	return 0;
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = { /* that only root can try */
	{ "set_user_id_works", set_user_id_works }, { "traced_by_request", traced_by_request }, { "given_up_privilege", given_up_privilege },
	{ "terminal_of_another", terminal_of_another },
	{ "descriptors_in_flight_of_another", descriptors_in_flight_of_another },
	{ "looking_at_privileged", looking_at_privileged }, { "looking_at_dropped", looking_at_dropped },
};

int main(int argc, char **argv)
{
	if (argc > 1) {
		return part(argv[1]);
	}
	bool root = getuid() == 0 && copy_make();
	RUN(remap_onto_itself);
	RUN(memory_file_before_exec);
	RUN(shared_descriptors);
	if (root) {
		chmod(".", 0755);
	}
	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		check_run(tests[i].name, root ? tests[i].run : nothing);
	}
	unlink(COPY);
	return check_failures;
}
