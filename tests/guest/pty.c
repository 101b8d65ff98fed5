/* SPDX-License-Identifier: MIT */
/* Terminals, through a pseudo-terminal: lines, raw reads, signals from the keyboard, job control, hang-up. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static int master = -1, slave = -1;
static char name[64];

static void open_pair(void)
{
	int number = -1, unlock = 0;
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(master, TIOCSPTLCK, &unlock);
	ioctl(master, TIOCGPTN, &number);
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	slave = open(name, O_RDWR | O_NOCTTY);
}

static void close_pair(void)
{
	close(slave);
	close(master);
	slave = master = -1;
}

static bool type(const char *text)
{
	return write(master, text, strlen(text)) == (ssize_t)strlen(text);
}

/* What the screen shows, until it is `expected` or nothing more comes. */
static bool shows(const char *expected)
{
	char text[256] = "";
	size_t length = 0;
	struct pollfd end = { .fd = master, .events = POLLIN };
	while (length < strlen(expected) && poll(&end, 1, 100000) == 1) {
		ssize_t n = read(master, text + length, sizeof(text) - 1 - length);
		if (n <= 0) {
			break;
		}
		length += (size_t)n;
		text[length] = '\0';
	}
	return !strcmp(text, expected);
}

static bool gives(const char *expected)
{
	char text[256];
	ssize_t n = read(slave, text, sizeof(text));
	return n == (ssize_t)strlen(expected) && !memcmp(text, expected, (size_t)n);
}

static void lines_are_edited_and_echoed(void)
{
	open_pair();
	CHECK(master >= 0 && slave >= 0 && isatty(slave));
	CHECK(type("helxx\x7f\x7flo\r"));
	CHECK(gives("hello\n"));
	CHECK(shows("helxx\b \b\b \blo\r\n"));
	CHECK(type("one\ntwo\n") && gives("one\n") && gives("two\n"));
	CHECK(type("end\x04") && gives("end"));
	CHECK(type("\x04") && gives(""));
	close_pair();
}

static void raw_reads_take_what_there_is(void)
{
	struct termios modes;
	open_pair();
	CHECK(tcgetattr(slave, &modes) == 0 && (modes.c_lflag & ICANON) && modes.c_cc[VINTR] == 3);
	cfmakeraw(&modes);
	CHECK(tcsetattr(slave, TCSANOW, &modes) == 0);
	CHECK(type("a\r\x03") && gives("a\r\x03"));
	modes.c_cc[VMIN] = 0;
	modes.c_cc[VTIME] = 1;
	CHECK(tcsetattr(slave, TCSANOW, &modes) == 0 && gives(""));
	CHECK(type("b"));
	char c = 0;
	while (read(slave, &c, 1) == 0) { /* it takes its time to the other side */
	}
	CHECK(c == 'b');
	CHECK(write(slave, "x\ny", 3) == 3 && shows("x\ny"));
	close_pair();
}

static void window_sizes_are_kept(void)
{
	struct winsize size = { .ws_row = 33, .ws_col = 99 }, got;
	open_pair();
	CHECK(ioctl(master, TIOCSWINSZ, &size) == 0 && ioctl(slave, TIOCGWINSZ, &got) == 0);
	CHECK(got.ws_row == 33 && got.ws_col == 99);
	close_pair();
}

static void input_can_be_counted_and_flushed(void)
{
	int ready = -1;
	open_pair();
	struct pollfd end = { .fd = slave, .events = POLLIN };
	CHECK(type("abc\n") && poll(&end, 1, 100000) == 1); /* Linux takes what is typed to the other side in its own time */
	CHECK(ioctl(slave, FIONREAD, &ready) == 0 && ready == 4);
	CHECK(tcflush(slave, TCIFLUSH) == 0 && ioctl(slave, FIONREAD, &ready) == 0 && ready == 0);
	close_pair();
}

static volatile sig_atomic_t got_signal;
static sigset_t all, none;

static void note(int signal)
{
	got_signal = signal;
}

/* In a new session on the pair's terminal: run test, its result is the exit status. */
static int in_session(int (*test)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		alarm(100);
		_exit(ioctl(slave, TIOCSCTTY, 0) == 0 ? test() : 99);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Signals come only in a wait from now on. */
static void hold(void)
{
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static int wait_for_interrupt(void)
{
	struct sigaction action = { .sa_handler = note };
	sigaction(SIGINT, &action, NULL);
	hold();
	(void)!write(slave, "r", 1);
	while (!got_signal) {
		sigsuspend(&none);
	}
	return got_signal == SIGINT ? 7 : 1;
}

static void the_interrupt_character_reaches_the_foreground(void)
{
	open_pair();
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		(void)!read(master, &c, 1);
		usleep(20000);
		type("\x03");
		_exit(0);
	}
	CHECK(in_session(wait_for_interrupt) == 7);
	waitpid(pid, NULL, 0);
	close_pair();
}

static int own_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR);
	return fd >= 0 && tcgetpgrp(fd) == getpgrp() && tcgetsid(fd) == getpid() ? 8 : 1;
}

static void the_controlling_terminal_has_a_name(void)
{
	open_pair();
	CHECK(in_session(own_terminal) == 8);
	close_pair();
}

/* A background job reads: SIGTTIN stops it; in the foreground it may. */
static int job_control(void)
{
	int status;
	char c;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		_exit(read(slave, &c, 1) == 1 && c == 'q' ? 3 : 4);
	}
	setpgid(pid, pid);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTIN) {
		return 1;
	}
	if (tcsetpgrp(slave, pid) || tcgetpgrp(slave) != pid) {
		return 2;
	}
	kill(-pid, SIGCONT);
	(void)!write(master, "q\n", 2);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 3) {
		return 5;
	}
	signal(SIGTTOU, SIG_IGN);
	return tcsetpgrp(slave, getpgrp()) == 0 ? 9 : 6;
}

static void background_jobs_stop_on_reading(void)
{
	open_pair();
	CHECK(in_session(job_control) == 9);
	close_pair();
}

/* The leader holds no master and waits for the hang-up that the only one's close makes. */
static int wait_for_hang_up(void)
{
	signal(SIGHUP, note);
	close(master);
	hold();
	(void)!write(slave, "r", 1);
	while (got_signal != SIGHUP) {
		sigsuspend(&none);
	}
	char c;
	return read(slave, &c, 1) == 0 && write(slave, "x", 1) == -1 && errno == EIO ? 10 : 1;
}

static void closing_the_master_hangs_up(void)
{
	int status;
	char c;
	open_pair();
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		alarm(100);
		_exit(ioctl(slave, TIOCSCTTY, 0) == 0 ? wait_for_hang_up() : 99);
	}
	CHECK(read(master, &c, 1) == 1);
	usleep(20000);
	close_pair();
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 10);
}

static void the_master_sees_the_last_slave_close(void)
{
	char c;
	open_pair();
	close(slave);
	CHECK(read(master, &c, 1) == -1 && errno == EIO);
	close(master);
}

int main(void)
{
	RUN(lines_are_edited_and_echoed);
	RUN(raw_reads_take_what_there_is);
	RUN(window_sizes_are_kept);
	RUN(input_can_be_counted_and_flushed);
	RUN(the_interrupt_character_reaches_the_foreground);
	RUN(the_controlling_terminal_has_a_name);
	RUN(background_jobs_stop_on_reading);
	RUN(closing_the_master_hangs_up);
	RUN(the_master_sees_the_last_slave_close);
	return check_failures;
}
