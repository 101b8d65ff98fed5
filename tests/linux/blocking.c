/* SPDX-License-Identifier: MIT */
/*
 * Every call that blocks, against what may interrupt it: a handler with SA_RESTART, one without, SIGSTOP and SIGCONT, a signal that is
 * ignored, and its own time limit (signal(7), "Interruption of system calls and library functions by signal handlers"). A child
 * makes the call; once it sleeps in the kernel (its state is S three times running) its parent sends the signal, and
 * when that has been handled lets the call succeed. The line tells what the call answered and how often the handler ran.
 */
#include "calls.h"
#include "futex.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>

/* What is shared between parent and child, made anew for each case. */
static struct shared {
	int word, owned;
	int runs, result, error;
} *shared;
static int ends[2], pair[2], file, events, set, timer, listener, signals, watches, master, slave;
static struct timeval limit; /* for the sockets */
static pid_t asked; /* who makes the call */

static char c;
static struct timespec late = { 3, 0 };

static long do_read_pipe(void)
{
	return read(ends[0], &c, 1);
}
static long do_readv_pipe(void)
{
	return syscall(SYS_readv, ends[0], &(struct { void *at; size_t size; }){ &c, 1 }, 1);
}
static long do_write_pipe(void)
{
	static char block[65536];
	return write(ends[1], block, sizeof(block)) > 0;
}
static long do_splice(void)
{
	return syscall(SYS_splice, ends[0], NULL, pair[1], NULL, 1, 0);
}
static long do_read_socket(void)
{
	return read(pair[0], &c, 1);
}
static long do_recvmsg(void)
{
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	return recvmsg(pair[0], &m, 0);
}
static long do_accept(void)
{
	return accept(listener, NULL, NULL) >= 0;
}
static long do_read_eventfd(void)
{
	uint64_t n;
	return read(events, &n, 8);
}
static long do_read_timerfd(void)
{
	uint64_t n;
	return read(timer, &n, 8);
}
static long do_read_signalfd(void)
{
	struct signalfd_siginfo n;
	return read(signals, &n, sizeof(n)) > 0;
}
static long do_poll(void)
{
	return poll(&(struct pollfd){ ends[0], POLLIN, 0 }, 1, 3000);
}
static long do_ppoll(void)
{
	struct timespec t = late;
	return ppoll(&(struct pollfd){ ends[0], POLLIN, 0 }, 1, &t, NULL);
}
static long do_select(void)
{
	fd_set in;
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	return select(ends[0] + 1, &in, NULL, NULL, &(struct timeval){ 3, 0 });
}
static long do_pselect(void)
{
	fd_set in;
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	return pselect(ends[0] + 1, &in, NULL, NULL, &late, NULL);
}
static long do_epoll_wait(void)
{
	struct epoll_event e;
	return epoll_wait(set, &e, 1, 3000);
}
static long do_nanosleep(void)
{
	return nanosleep(&(struct timespec){ 0, 400000000 }, NULL);
}
static long do_clock_nanosleep(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 400000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static long do_futex(void)
{
	return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL);
}
static long do_futex_timed(void)
{
	return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &late);
}
static long do_flock(void)
{
	return flock(file, LOCK_EX);
}
static long do_lock(void)
{
	return fcntl(file, F_SETLKW, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET });
}
static long do_wait4(void)
{
	pid_t child = fork();
	if (child == 0) {
		nanosleep(&(struct timespec){ 0, 400000000 }, NULL);
		_exit(0);
	}
	long result = syscall(SYS_wait4, child, NULL, 0, NULL);
	return result < 0 ? result : result == child;
}
static long do_waitid(void)
{
	pid_t child = fork();
	if (child == 0) {
		nanosleep(&(struct timespec){ 0, 400000000 }, NULL);
		_exit(0);
	}
	siginfo_t info;
	return syscall(SYS_waitid, P_PID, child, &info, WEXITED, NULL);
}
static long do_sigsuspend(void)
{
	sigset_t none;
	sigemptyset(&none);
	alarm(1);
	return sigsuspend(&none);
}
static long do_sigtimedwait(void)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	return sigtimedwait(&one, NULL, &(struct timespec){ 0, 400000000 });
}
static long do_receive_timed(void)
{
	limit = (struct timeval){ 3, 0 };
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return read(pair[0], &c, 1);
}

static long do_send(void)
{
	static char block[1 << 20];
	return send(pair[0], block, 60000, 0) > 0;
}
static long do_connect(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "listener" };
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name));
}
static long do_recvmmsg(void)
{
	struct iovec v = { &c, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } };
	return syscall(SYS_recvmmsg, pair[0], &m, 1, 0, NULL);
}
static long do_read_inotify(void)
{
	char event[100];
	return read(watches, event, sizeof(event)) > 0;
}
static long do_read_terminal(void)
{
	return read(slave, &c, 1);
}
static long do_read_master(void)
{
	return read(master, &c, 1);
}
static long do_open_reader(void)
{
	return open("fifo", O_RDONLY) >= 0;
}
static long do_open_writer(void)
{
	return open("fifo", O_WRONLY) >= 0;
}
static long do_futex_bitset(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 3;
	return syscall(SYS_futex, &shared->word, FUTEX_WAIT_BITSET, 0, &t, NULL, 1);
}
static long do_futex_waitv(void)
{
	struct { uint64_t value, at; uint32_t flags, unused; } one = { 0, (uintptr_t)&shared->word, 2, 0 };
	return syscall(SYS_futex_waitv, &one, 1, 0, NULL, CLOCK_MONOTONIC);
}
static long do_futex_pi(void)
{
	return syscall(SYS_futex, &shared->owned, FUTEX_LOCK_PI, 0, NULL);
}
static long do_file_lock(void)
{
	return fcntl(file, F_OFD_SETLKW, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET });
}
static long do_epoll_pwait2(void)
{
	struct epoll_event e;
	return syscall(SYS_epoll_pwait2, set, &e, 1, &late, NULL, 8);
}
static long do_write_eventfd(void)
{
	return write(events, &(uint64_t){ UINT64_MAX - 1 }, 8);
}

static void give_byte(void)
{
	write(ends[1], "x", 1);
	write(pair[1], "x", 1);
	write(events, &(uint64_t){ 1 }, 8);
}
static void give_room(void)
{
	static char block[65536];
	read(ends[0], block, sizeof(block));
}
static void give_wake(void)
{
	__atomic_store_n(&shared->word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL);
}
static void give_locks(void)
{
	flock(file, LOCK_UN);
	fcntl(file, F_SETLK, &(struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET });
}
static void give_connection(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "listener" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	connect(fd, (struct sockaddr *)&name, sizeof(name));
	close(fd);
}
static void give_nothing(void)
{
}
static void give_space(void)
{
	static char block[1 << 20];
	while (recv(pair[1], block, sizeof(block), MSG_DONTWAIT) > 0) {
	}
}
static void give_place(void)
{
	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
		close(fd);
	}
}
static void give_file(void)
{
	close(open("made", O_CREAT | O_RDWR, 0600));
}
static void give_line(void)
{
	write(master, "\n", 1);
}
static void give_output(void)
{
	write(slave, "x", 1);
}
static void give_end(void)
{
	/* The other end, without waiting for the one that may be gone. */
	open("fifo", O_RDWR | O_NONBLOCK);
}
static void give_owned(void)
{
	syscall(SYS_futex, &shared->owned, FUTEX_UNLOCK_PI, 0);
}
static void give_signal(void)
{
	kill(asked, SIGRTMIN);
}
static void give_count(void)
{
	uint64_t n;
	read(events, &n, 8);
}
static void fill_pipe(void)
{
	static char block[65536];
	write(ends[1], block, sizeof(block));
}
static void fill_socket(void)
{
	static char block[1 << 20];
	while (send(pair[0], block, sizeof(block), MSG_DONTWAIT) > 0) {
	}
	while (send(pair[0], block, 1, MSG_DONTWAIT) > 0) {
	}
}
static void fill_queue(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "listener" };
	listen(listener, 0);
	for (int fd; (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0;) {
	}
}
static void fill_counter(void)
{
	write(events, &(uint64_t){ 1 }, 8);
}
static void own(void)
{
	syscall(SYS_futex, &shared->owned, FUTEX_LOCK_PI, 0, NULL);
}
static void hold_file_lock(void)
{
	fcntl(file, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET });
}
static void give_file_lock(void)
{
	fcntl(file, F_OFD_SETLK, &(struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET });
}
static void hold_flock(void)
{
	flock(file, LOCK_EX);
}
static void hold_lock(void)
{
	fcntl(file, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET });
}

static const struct blocking {
	const char *name;
	long (*call)(void);
	void (*before)(void), (*give)(void);
} table[] = {
	{ "read of a pipe", do_read_pipe, give_nothing, give_byte },
	{ "readv of a pipe", do_readv_pipe, give_nothing, give_byte },
	{ "write to a full pipe", do_write_pipe, fill_pipe, give_room },
	{ "splice", do_splice, give_nothing, give_byte },
	{ "read of a socket", do_read_socket, give_nothing, give_byte },
	{ "recvmsg", do_recvmsg, give_nothing, give_byte },
	{ "read of a socket with SO_RCVTIMEO", do_receive_timed, give_nothing, give_byte },
	{ "accept", do_accept, give_nothing, give_connection },
	{ "read of an eventfd", do_read_eventfd, give_nothing, give_byte },
	{ "read of a timerfd", do_read_timerfd, give_nothing, give_nothing },
	{ "poll", do_poll, give_nothing, give_byte },
	{ "ppoll", do_ppoll, give_nothing, give_byte },
	{ "select", do_select, give_nothing, give_byte },
	{ "pselect6", do_pselect, give_nothing, give_byte },
	{ "epoll_wait", do_epoll_wait, give_nothing, give_byte },
	{ "nanosleep", do_nanosleep, give_nothing, give_nothing },
	{ "clock_nanosleep", do_clock_nanosleep, give_nothing, give_nothing },
	{ "futex", do_futex, give_nothing, give_wake },
	{ "futex with a time limit", do_futex_timed, give_nothing, give_wake },
	{ "flock", do_flock, hold_flock, give_locks },
	{ "F_SETLKW", do_lock, hold_lock, give_locks },
	{ "wait4", do_wait4, give_nothing, give_nothing },
	{ "waitid", do_waitid, give_nothing, give_nothing },
	{ "sigsuspend", do_sigsuspend, give_nothing, give_nothing },
	{ "sigtimedwait", do_sigtimedwait, give_nothing, give_nothing },
	{ "read of a signalfd", do_read_signalfd, give_nothing, give_signal },
	{ "send to a full socket", do_send, fill_socket, give_space },
	{ "connect to a full queue", do_connect, fill_queue, give_place },
	{ "recvmmsg", do_recvmmsg, give_nothing, give_byte },
	{ "read of inotify", do_read_inotify, give_nothing, give_file },
	{ "read of a terminal", do_read_terminal, give_nothing, give_line },
	{ "read of a terminal's other side", do_read_master, give_nothing, give_output },
	{ "open of a FIFO to read", do_open_reader, give_nothing, give_end },
	{ "open of a FIFO to write", do_open_writer, give_nothing, give_end },
	{ "futex with a bitset", do_futex_bitset, give_nothing, give_wake },
	{ "futex_waitv", do_futex_waitv, give_nothing, give_wake },
	{ "FUTEX_LOCK_PI", do_futex_pi, own, give_owned },
	{ "F_OFD_SETLKW", do_file_lock, hold_file_lock, give_file_lock },
	{ "epoll_pwait2", do_epoll_pwait2, give_nothing, give_byte },
	{ "write to a full eventfd", do_write_eventfd, fill_counter, give_count },
};

static void handler(int signal)
{
	shared->runs++;
}

/* Until the handler has run or the child has ended; on a busy machine that takes its time. */
static void until_handled(pid_t child)
{
	siginfo_t info = { .si_pid = 0 };
	for (int i = 0; i < 30000 && !__atomic_load_n(&shared->runs, __ATOMIC_SEQ_CST) && info.si_pid == 0; i++) {
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
		waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
	}
}

static void make_objects(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "listener" };
	sigset_t one;
	pipe(ends);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	unlink("listener");
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(listener, (struct sockaddr *)&name, sizeof(name));
	listen(listener, 5);
	file = open("file", O_RDWR | O_CREAT, 0600);
	events = eventfd(0, 0);
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	set = epoll_create1(0);
	epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &(struct epoll_event){ .events = EPOLLIN });
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN);
	signals = signalfd(-1, &one, 0);
	unlink("fifo");
	mkfifo("fifo", 0600);
	master = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(master);
	unlockpt(master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	/* Nothing comes back of what is typed. */
	struct termios modes;
	tcgetattr(slave, &modes);
	modes.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(slave, TCSANOW, &modes);
	unlink("made");
	watches = inotify_init1(0);
	inotify_add_watch(watches, ".", IN_CREATE);
	*shared = (struct shared){ 0 };
}

enum how { RESTARTED, NOT_RESTARTED, STOPPED, IGNORED };

static void child_run(const struct blocking *b, enum how how)
{
	struct sigaction action = { .sa_handler = how == IGNORED ? SIG_IGN : handler, .sa_flags = how == RESTARTED ? SA_RESTART : 0 };
	sigset_t one;
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGALRM, how == RESTARTED || how == NOT_RESTARTED ? SIG_DFL : handler);
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN);
	sigaddset(&one, SIGUSR2);
	sigprocmask(SIG_BLOCK, &one, NULL);
	/* Locks of the opened file and of the process must be another's. */
	file = open("file", O_RDWR);
	timerfd_settime(timer, 0, &(struct itimerspec){ .it_value = { 0, 400000000 } }, NULL);
	errno = 0;
	shared->result = (int)b->call();
	shared->error = errno;
	_exit(0);
}

static void one(const struct blocking *b, enum how how, const char *what)
{
	char label[100];
	int status = -1;
	make_objects();
	b->before();
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		child_run(b, how);
	}
	asked = child;
	until_asleep(child);
	if (how == STOPPED) {
		kill(child, SIGSTOP);
		waitpid(child, NULL, WUNTRACED);
		kill(child, SIGCONT);
	} else {
		kill(child, SIGUSR1);
	}
	if (how == RESTARTED || how == NOT_RESTARTED) {
		until_handled(child);
	}
	until_asleep(child);
	b->give();
	waitpid(child, &status, 0);
	snprintf(label, sizeof(label), "%s, %s", b->name, what);
	if (shared->result == -1) {
		calls_line("blocking", label, "%s, %d handled, %x", calls_error(shared->error), shared->runs, (unsigned)status);
	} else {
		calls_line("blocking", label, "%d, %d handled, %x", shared->result, shared->runs, (unsigned)status);
	}
	syscall(SYS_close_range, 3u, ~0u, 0);
}

/* Four of them, so that they run side by side. */
static void quarter(unsigned number)
{
	for (unsigned i = number; i < sizeof(table) / sizeof(table[0]); i += 4) {
		one(&table[i], RESTARTED, "a handler with SA_RESTART");
		one(&table[i], NOT_RESTARTED, "a handler without");
		one(&table[i], STOPPED, "stop and go");
		one(&table[i], IGNORED, "an ignored signal");
	}
}

static void all(void)
{
	pid_t children[4];
	char name[] = "0";
	alarm(0);
	for (unsigned i = 0; i < 4; i++, name[0]++) {
		children[i] = fork();
		if (children[i] == 0) {
			alarm(400);
			mkdir(name, 0755);
			chdir(name);
			shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
			quarter(i);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		waitpid(children[i], NULL, 0);
	}
}

/* Calls with a time limit of their own, which nothing cuts short. */
static void limits(void)
{
	struct pollfd p = { .fd = -1 };
	struct timespec t = { 0, 20000000 };
	struct timeval v = { 0, 20000 };
	struct epoll_event e;
	sigset_t one;
	pipe(ends);
	p = (struct pollfd){ ends[0], POLLIN, 0 };
	CALL(poll(&p, 1, 20));
	CALL(ppoll(&p, 1, &t, NULL));
	SHOW("what ppoll leaves", "%ld", syscall(SYS_ppoll, &p, 1, &t, NULL, 8) == 0 ? t.tv_nsec : -1);
	CALL(select(0, NULL, NULL, NULL, &v));
	SHOW("what select leaves", "%ld", (long)v.tv_usec);
	t.tv_nsec = 20000000;
	CALL(epoll_wait(epoll_create1(0), &e, 1, 20));
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	CALL(sigtimedwait(&one, NULL, &t));
	int word = 0;
	CALL(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t));
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	v = (struct timeval){ 0, 20000 };
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &v, sizeof(v));
	CALL(read(pair[0], &c, 1));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(listener, (struct sockaddr *)&(struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "name" }, sizeof(struct sockaddr_un));
	listen(listener, 1);
	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &v, sizeof(v));
	CALL(accept(listener, NULL, NULL));
}

int main(void)
{
	calls_begin();
	RUN(all);
	RUN(limits);
	return 0;
}
