/* SPDX-License-Identifier: MIT */
/* An interactive busybox shell on a pseudo-terminal: what a person at the console does with jobs, typed by a program. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static int master;
static pid_t shell;
static char seen[65536]; /* all that the screen showed */
static size_t seen_length, seen_from;

static bool start(void)
{
	int number = -1, unlock = 0;
	char name[32];
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(master, TIOCSPTLCK, &unlock);
	ioctl(master, TIOCGPTN, &number);
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	shell = fork();
	if (shell == 0) {
		setsid();
		int fd = open(name, O_RDWR);
		ioctl(fd, TIOCSCTTY, 0);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		close(master);
		setenv("PS1", "ready> ", 1);
		setenv("TERM", "dumb", 1);
		alarm(300);
		execl("/bin/busybox", "sh", "-i", NULL);
		_exit(127);
	}
	return master >= 0 && shell > 0;
}

/* Read on until `text` has come after what was expected before. */
static bool sees(const char *text)
{
	struct pollfd end = { .fd = master, .events = POLLIN };
	for (;;) {
		char *at = strstr(seen + seen_from, text);
		if (at) {
			seen_from = (size_t)(at - seen) + strlen(text);
			return true;
		}
		if (seen_length + 1 >= sizeof(seen) || poll(&end, 1, 100000) != 1) {
			break;
		}
		ssize_t n = read(master, seen + seen_length, sizeof(seen) - 1 - seen_length);
		if (n <= 0) {
			break;
		}
		for (ssize_t i = 0; i < n; i++) {
			if (seen[seen_length + (size_t)i] == 0) {
				seen[seen_length + (size_t)i] = ' ';
			}
		}
		seen_length += (size_t)n;
		seen[seen_length] = '\0';
	}
	check_why = text;
	return false;
}

static bool type(const char *text)
{
	return write(master, text, strlen(text)) == (ssize_t)strlen(text);
}

/* How many children of the shell are in this state, in the terminal's foreground or not, as /proc/PID/stat tells: its fields 3, 4, 5 and 8. */
static int count_jobs(char wanted, bool foreground)
{
	DIR *proc = opendir("/proc");
	int count = 0;
	for (struct dirent *e; proc && (e = readdir(proc));) {
		char path[280], text[512] = "", state;
		int parent, group, terminals_group;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		int fd = *e->d_name >= '1' && *e->d_name <= '9' ? open(path, O_RDONLY) : -1;
		if (fd >= 0) {
			(void)!read(fd, text, sizeof(text) - 1);
			close(fd);
		}
		const char *name_end = strrchr(text, ')');
		count += name_end && sscanf(name_end + 1, " %c %d %d %*d %*d %d", &state, &parent, &group, &terminals_group) == 4 && parent == shell &&
			state == wanted && (group == terminals_group) == foreground;
	}
	closedir(proc);
	return count;
}

/* Once the job, of so many processes, is where the key is meant for it: has not only begun to sleep, or has stopped. */
static bool type_for(int processes, char state, bool foreground, const char *text)
{
	for (int times = 0; times < 3; times = count_jobs(state, foreground) == processes ? times + 1 : 0) {
		usleep(2000);
	}
	return type(text);
}

static void a_command_runs(void)
{
	CHECK(sees("ready> "));
	CHECK(type("echo one$((1 + 1))\n") && sees("one2\r\n") && sees("ready> "));
}

static void control_c_ends_a_job(void)
{
	CHECK(type("sleep 100\n") && sees("sleep 100\r\n") && type_for(1, 'S', true, "\x03") && sees("ready> "));
	CHECK(type("echo status $?\n") && sees("status 130\r\n") && sees("ready> "));
}

static void control_z_stops_and_fg_goes_on(void)
{
	CHECK(type("sleep 1000\n") && sees("sleep 1000\r\n") && type_for(1, 'S', true, "\x1a") && sees("Stopped") && sees("ready> "));
	CHECK(type("jobs\n") && sees("[1]") && sees("Stopped") && sees("sleep 1000\r\n") && sees("ready> "));
	CHECK(type("bg\n") && sees("[1] sleep 1000") && sees("ready> "));
	CHECK(type("jobs\n") && sees("Running") && sees("ready> "));
	CHECK(type("fg\n") && sees("sleep 1000\r\n") && type_for(1, 'S', true, "\x03") && sees("ready> "));
	CHECK(type("jobs; echo none\n") && sees("none\r\n") && sees("ready> "));
}

static void background_jobs_finish_and_are_told(void)
{
	CHECK(type("sleep 0.2 &\n") && sees("ready> ") && type("wait; echo waited\n") && sees("waited\r\n"));
	CHECK(sees("Done") && sees("ready> "));
}

static void a_background_reader_stops(void)
{
	CHECK(type("cat &\n") && sees("ready> ") && type_for(1, 'T', false, "\n") && sees("Stopped (tty input)") && sees("ready> "));
	CHECK(type("fg\n") && sees("cat\r\n") && type_for(1, 'S', true, "typed\n") && sees("typed\r\ntyped\r\n"));
	CHECK(type("\x04") && sees("ready> "));
}

static void a_pipeline_is_one_job(void)
{
	CHECK(type("sleep 100 | cat | cat\n") && sees("| cat\r\n") && type_for(3, 'S', true, "\x1a") && sees("Stopped") && sees("ready> "));
	CHECK(type("kill %1; kill -CONT %1; wait; jobs; echo gone\n") && sees("gone\r\n") && sees("ready> "));
}

static void traps_take_signals(void)
{
	CHECK(type("trap 'echo caught' INT USR1\n") && sees("ready> "));
	CHECK(type("kill -USR1 $$\n") && sees("caught\r\n") && sees("ready> "));
	CHECK(type("trap - INT USR1\n") && sees("ready> "));
}

static void the_line_is_edited(void)
{
	CHECK(type("echo wronk\x7fg; echo second\n") && sees("wrong\r\nsecond\r\n") && sees("ready> "));
}

static void exit_ends_it(void)
{
	int status = 0;
	CHECK(type("exit 6\n"));
	CHECK(waitpid(shell, &status, 0) == shell && WIFEXITED(status) && WEXITSTATUS(status) == 6);
}

int main(void)
{
	if (!start()) {
		printf("not ok start\n");
		return 1;
	}
	RUN(a_command_runs);
	RUN(control_c_ends_a_job);
	RUN(control_z_stops_and_fg_goes_on);
	RUN(background_jobs_finish_and_are_told);
	RUN(a_background_reader_stops);
	RUN(a_pipeline_is_one_job);
	RUN(traps_take_signals);
	RUN(the_line_is_edited);
	RUN(exit_ends_it);
	return check_failures;
}
