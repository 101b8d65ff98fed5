/* SPDX-License-Identifier: MIT */
/* Pseudo-terminals: their attributes, the line discipline in both modes, sizes, sessions, what a closed side does. */
#include "calls.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

static void open_pair(void)
{
	int unlock = 0, number = -1;
	char name[32];
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(master, TIOCSPTLCK, &unlock);
	ioctl(master, TIOCGPTN, &number);
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	slave = open(name, O_RDWR | O_NOCTTY);
	if (slave < 0) {
		SHOW("a pair", "%s", calls_error(errno));
	}
}

/* What can be read within so long: Linux takes what is typed in a thread of its own, with control characters made visible. */
static void reads_within(int ms, const char *name, int fd)
{
	char text[128], shown[600];
	int length = 0;
	struct pollfd p = { fd, POLLIN, 0 };
	if (poll(&p, 1, ms) <= 0) {
		calls_line("reads", name, "nothing");
		return;
	}
	long count = read(fd, text, sizeof(text));
	if (count < 0) {
		calls_line("reads", name, "%s", calls_error(errno));
		return;
	}
	shown[0] = '\0';
	for (long i = 0; i < count; i++) {
		unsigned char c = (unsigned char)text[i];
		length += snprintf(shown + length, 8, c < 32 || c > 126 ? "<%02x>" : "%c", c);
	}
	calls_line("reads", name, "%ld: %s", count, shown);
}

static void reads(const char *name, int fd)
{
	reads_within(100000, name, fd);
}

/* Nothing should come: it is not waited for long. */
static void reads_none(const char *name, int fd)
{
	reads_within(60, name, fd);
}

static void types(const char *text)
{
	if (write(master, text, strlen(text)) != (ssize_t)strlen(text)) {
		SHOW("typing", "%s", calls_error(errno));
	}
}

static void attributes(void)
{
	struct termios t;
	struct winsize size = { 0 };
	open_pair();
	CALL(tcgetattr(slave, &t));
	SHOW("flags", "%o %o %o %o", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	for (int i = 0; i < 17; i++) {
		SHOW("character", "%d: %02x", i, t.c_cc[i]);
	}
	CALL(ioctl(slave, TIOCGWINSZ, &size));
	SHOW("size", "%d %d", size.ws_row, size.ws_col);
	size = (struct winsize){ .ws_row = 30, .ws_col = 100, .ws_xpixel = 3, .ws_ypixel = 4 };
	CALL(ioctl(master, TIOCSWINSZ, &size));
	memset(&size, 0, sizeof(size));
	CALL(ioctl(slave, TIOCGWINSZ, &size));
	SHOW("size", "%d %d %d %d", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
	CALL(ioctl(slave, TIOCGWINSZ, NOWHERE));
	CALL(ioctl(slave, TCGETS, NOWHERE));
	CALL(ioctl(slave, TCSETS, NOWHERE));
	CALL(ioctl(slave, 0x54ff, 0));
	CALL(isatty(slave));
	CALL(isatty(master));
	t.c_lflag &= ~(tcflag_t)ECHO;
	t.c_cc[VMIN] = 3;
	CALL(tcsetattr(slave, TCSADRAIN, &t));
	CALL(tcgetattr(master, &t));
	SHOW("the master sees it", "%o %d", t.c_lflag, t.c_cc[VMIN]);
	CALL(ioctl(slave, TIOCGPTN, &(int){ 0 }));
	CALL(lseek(slave, 0, SEEK_SET));
	CALL(pread(slave, &t, 1, 0));
	CALL(tcdrain(slave));
	CALL(tcflush(slave, TCIOFLUSH));
	CALL(tcflush(slave, 9));
	CALL(ioctl(slave, TIOCGPGRP, &(int){ 0 }));
	CALL(ioctl(slave, TIOCGSID, &(int){ 0 }));
	CALL(tcsetpgrp(slave, getpgrp()));
}

static void lines(void)
{
	open_pair();
	types("hello");
	reads_none("no line yet", slave);
	reads("echo", master);
	types("\r");
	reads("a line", slave);
	reads("echo", master);
	types("abx\177c\n");
	reads("erased", slave);
	reads("echo", master);
	types("one two\027three\n");
	reads("a word erased", slave);
	reads("echo", master);
	types("gone\025kept\n");
	reads("killed", slave);
	reads("echo", master);
	types("end\004");
	reads("end of file after text", slave);
	types("\004");
	reads("end of file", slave);
	reads("echo", master);
	types("\026\004x\n");
	reads("quoted", slave);
	reads("echo", master);
	types("\001\033\n");
	reads("control characters", slave);
	reads("echo", master);
	types("a\nb\n");
	reads("one line", slave);
	reads("next line", slave);
	reads("echo", master);
	types("partly\n");
	char two[2];
	CALL(read(slave, two, 2));
	reads("the rest", slave);
	reads("echo", master);
	write(slave, "x\ny\t\r", 5);
	reads("output", master);
	int bytes = -1;
	types("count");
	CALL(ioctl(slave, FIONREAD, &bytes));
	SHOW("without a line", "%d", bytes);
	types("\n");
	CALL(poll(&(struct pollfd){ slave, POLLIN, 0 }, 1, 100000));
	CALL(ioctl(slave, FIONREAD, &bytes));
	SHOW("with a line", "%d", bytes);
	CALL(tcflush(slave, TCIFLUSH));
	reads_none("flushed", slave);
}

/* More than a line may have, then the end of the file. */
static void long_line(void)
{
	char line[5000], got[8192];
	memset(line, 'x', sizeof(line));
	open_pair();
	struct termios t;
	tcgetattr(slave, &t);
	t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(slave, TCSANOW, &t);
	for (unsigned at = 0; at < sizeof(line); at += 500) {
		write(master, line + at, 500);
	}
	types("\n");
	types("\004");
	CALL(read(slave, got, sizeof(got)));
	CALL(got[0]);
	types("next\n");
	CALL(read(slave, got, sizeof(got)));
	CALL(read(slave, got, sizeof(got)));
}

static void raw(void)
{
	struct termios t;
	open_pair();
	tcgetattr(slave, &t);
	cfmakeraw(&t);
	CALL(tcsetattr(slave, TCSANOW, &t));
	types("a\r\003\004\177");
	reads("raw input", slave);
	reads_none("no echo", master);
	write(slave, "x\ny", 3);
	reads("raw output", master);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &t);
	char buffer[16];
	CALL(read(slave, buffer, 16));
	t.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &t);
	CALL(read(slave, buffer, 16));
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &t);
	types("ab");
	fcntl(slave, F_SETFL, O_NONBLOCK);
	struct pollfd p = { slave, POLLIN, 0 };
	CALL(poll(&p, 1, 0));
	types("c");
	CALL(poll(&p, 1, 100000));
	CALL(read(slave, buffer, 16));
	CALL(read(slave, buffer, 16));
	t.c_iflag = ICRNL | ISTRIP;
	t.c_oflag = OPOST | ONLCR;
	t.c_lflag = ECHO;
	tcsetattr(slave, TCSANOW, &t);
	types("\r\341b");
	reads("translated", slave);
	reads("echoed", master);
	t.c_iflag = IGNCR;
	tcsetattr(slave, TCSAFLUSH, &t);
	types("\rx\rzy\r");
	reads("carriage returns ignored", slave);
	t.c_iflag = INLCR;
	t.c_oflag = OPOST | OCRNL;
	tcsetattr(slave, TCSAFLUSH, &t);
	reads("echoed", master);
	types("\nyy");
	reads("newlines translated", slave);
	reads("echoed", master);
	write(slave, "p\rq", 3);
	reads("output", master);
}

static volatile int got;

/* The signal that comes of it. */
static int signal_of(const char *text)
{
	got = 0;
	types(text);
	for (int i = 0; i < 60000 && !got; i++) {
		usleep(1000);
	}
	return got;
}

static void note(int signal)
{
	got = signal;
}

static void sessions(void)
{
	int pgrp = -1, sid = -1;
	setsid();
	open_pair();
	signal(SIGINT, note);
	signal(SIGQUIT, note);
	signal(SIGTSTP, note);
	signal(SIGWINCH, note);
	signal(SIGHUP, note);
	CALL(open("/dev/tty", O_RDWR));
	CALL(ioctl(slave, TIOCSCTTY, 0));
	CALL(close(open("/dev/tty", O_RDWR)));
	CALL(ioctl(slave, TIOCGPGRP, &pgrp));
	IS(pgrp == getpgrp());
	CALL(ioctl(slave, TIOCGSID, &sid));
	IS(sid == getsid(0));
	SHOW("interrupt", "%d", signal_of("x\003"));
	reads("echo", master);
	SHOW("quit", "%d", signal_of("\034"));
	SHOW("suspend", "%d", signal_of("\032"));
	struct winsize size = { .ws_row = 5 };
	CALL(ioctl(master, TIOCSWINSZ, &size));
	SHOW("resized", "%d", got);
	got = 0;
	CALL(ioctl(master, TIOCSWINSZ, &size));
	SHOW("the same size", "%d", got);
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		CALL(read(slave, &size, 1));
		signal(SIGTTOU, SIG_IGN);
		CALL(write(slave, "b", 1));
		CALL(tcsetpgrp(slave, getpgrp()));
		CALL(tcgetpgrp(slave) == getpgrp());
		_exit(0);
	}
	int status;
	waitpid(child, &status, WUNTRACED);
	SHOW("a background reader", "%x", status);
	kill(child, SIGCONT);
	waitpid(child, &status, WUNTRACED);
	SHOW("stops again", "%x", status);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CALL(tcsetpgrp(slave, 1));
	CALL(tcsetpgrp(slave, 99999999));
	CALL(tcsetpgrp(slave, -1));
	got = 0;
	CALL(ioctl(slave, TIOCNOTTY));
	CALL(open("/dev/tty", O_RDWR));
}

static void ends(void)
{
	char c;
	open_pair();
	struct pollfd p = { master, POLLIN | POLLOUT, 0 };
	CALL(poll(&p, 1, 0));
	SHOW("revents", "%x", p.revents);
	write(slave, "left", 4);
	CALL(close(slave));
	CALL(poll(&p, 1, 0));
	SHOW("revents after the slave has gone", "%x", p.revents);
	reads("what was left", master);
	CALL(read(master, &c, 1));
	open_pair();
	p = (struct pollfd){ slave, POLLIN | POLLOUT, 0 };
	CALL(close(master));
	CALL(poll(&p, 1, 0));
	SHOW("revents after the master has gone", "%x", p.revents);
	CALL(read(slave, &c, 1));
	CALL(write(slave, &c, 1));
	CALL(tcgetattr(slave, &(struct termios){ 0 }));
	master = (int)CALL(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	int number = 0, locked = -1;
	CALL(ioctl(master, TIOCGPTN, &number));
	CALL(ioctl(master, TIOCGPTLCK, &locked));
	SHOW("locked at first", "%d", locked);
	char name[32];
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	CALL(open(name, O_RDWR | O_NOCTTY));
	CALL(open("/dev/pts/9999", O_RDWR | O_NOCTTY));
}

int main(void)
{
	calls_begin();
	RUN(attributes);
	RUN(lines);
	RUN(long_line);
	RUN(raw);
	RUN(sessions);
	RUN(ends);
	return 0;
}
