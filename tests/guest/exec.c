/* SPDX-License-Identifier: MIT */
/* execve: what the new program finds, what it inherits, `#!` lines, refusals. The program calls itself with a word as argv[1]. */
#include "check.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char self[512], directory[] = "/tmp/exec-XXXXXX", script[600];
extern char **environ;

static int run(const char *path, char *const arguments[], char *const environment[])
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		execve(path, arguments, environment);
		_exit(100 + errno);
	}
	if (waitpid(pid, &status, 0) != pid) {
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void write_script(const char *text, mode_t mode)
{
	unlink(script);
	int fd = open(script, O_CREAT | O_WRONLY | O_TRUNC, mode);
	(void)!write(fd, text, strlen(text));
	close(fd);
	chmod(script, mode);
}

static void arguments_and_environment_arrive(void)
{
	char *arguments[] = { "zero", "strings", "", "two words", NULL }, *environment[] = { "A=1", "B=", NULL };
	CHECK(run(self, arguments, environment) == 20);
}

static void the_auxiliary_vector_is_complete(void)
{
	char *arguments[] = { "x", "auxv", NULL };
	CHECK(run(self, arguments, environ) == 21);
}

static void caught(int signal)
{
}

static void ignored_signals_stay_ignored_and_caught_ones_do_not(void)
{
	char *arguments[] = { "x", "signals", NULL };
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, caught);
	CHECK(run(self, arguments, environ) == 22);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static void close_on_exec_closes(void)
{
	char kept[16], closed[16], *arguments[] = { "x", "files", kept, closed, NULL };
	int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY | O_CLOEXEC);
	snprintf(kept, sizeof(kept), "%d", a);
	snprintf(closed, sizeof(closed), "%d", b);
	CHECK(a >= 0 && b >= 0 && run(self, arguments, environ) == 23);
	close(a);
	close(b);
}

static void scripts_run_their_interpreter(void)
{
	char text[700], *arguments[] = { "ignored", "first", NULL };
	snprintf(text, sizeof(text), "#! %s script-argument \nrest\n", self);
	write_script(text, 0755);
	CHECK(run(script, arguments, environ) == 24);
}

static void endless_scripts_end(void)
{
	char text[700], *arguments[] = { "x", NULL };
	snprintf(text, sizeof(text), "#!%s\n", script);
	write_script(text, 0755);
	CHECK(run(script, arguments, environ) == 100 + ELOOP);
}

static void what_cannot_be_run_is_refused(void)
{
	char *arguments[] = { "x", NULL };
	CHECK(run("/nowhere/at/all", arguments, environ) == 100 + ENOENT);
	CHECK(run("/tmp", arguments, environ) == 100 + EACCES);
	write_script("#!/bin/sh\n", 0644);
	CHECK(run(script, arguments, environ) == 100 + EACCES);
	write_script("just text\n", 0755);
	CHECK(run(script, arguments, environ) == 100 + ENOEXEC);
	write_script("#!/no/such/interpreter\n", 0755);
	CHECK(run(script, arguments, environ) == 100 + ENOENT);
	write_script("\177ELF\2\1\1 and then nothing of use, but long enough to hold all of a header", 0755);
	CHECK(run(script, arguments, environ) == 100 + ENOEXEC);
	CHECK(run("", arguments, environ) == 100 + ENOENT);
}

static void long_arguments_pass_and_too_long_ones_do_not(void)
{
	static char text[140000];
	char *arguments[] = { "x", "long", text, NULL };
	memset(text, 'a', 100000);
	CHECK(run(self, arguments, environ) == 25);
	memset(text, 'a', sizeof(text) - 1);
	CHECK(run(self, arguments, environ) == 100 + E2BIG);
}

static void bad_pointers_are_refused(void)
{
	static char *volatile nowhere = (char *)8;
	char *arguments[] = { "x", nowhere, NULL };
	CHECK(run(self, arguments, environ) == 100 + EFAULT);
	CHECK(run(self, (char **)nowhere, environ) == 100 + EFAULT);
	CHECK(run(nowhere, arguments, environ) == 100 + EFAULT);
}

static int refused(int result)
{
	return result < 0 ? errno : 0;
}

/* A copy of this program, so that the test may write to it when nobody runs it. */
static void what_runs_is_not_written_to(void)
{
	static char copy[600], bytes[65536];
	char *arguments[] = { copy, "wait", NULL }, c = 0;
	int go[2], says[2];
	ssize_t n;
	snprintf(copy, sizeof(copy), "%s/copy", directory);
	int from = open(self, O_RDONLY), to = open(copy, O_CREAT | O_WRONLY, 0755);
	while ((n = read(from, bytes, sizeof(bytes))) > 0) {
		CHECK(write(to, bytes, (size_t)n) == n);
	}
	close(from);
	CHECK(run(copy, arguments, environ) == 100 + ETXTBSY);
	close(to);
	CHECK(pipe(go) == 0 && pipe(says) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(go[0], 0);
		dup2(says[1], 1);
		close(go[1]);
		execv(copy, arguments);
		_exit(1);
	}
	close(says[1]);
	CHECK(read(says[0], &c, 1) == 1); /* a child that its execve has left alone runs */
	CHECK(refused(open(copy, O_WRONLY)) == ETXTBSY && refused(open(copy, O_RDONLY | O_TRUNC)) == ETXTBSY);
	CHECK(refused(open(copy, O_RDWR | O_CREAT, 0600)) == ETXTBSY && refused(truncate(copy, 0)) == ETXTBSY);
	close(go[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(go[0]);
	close(says[0]);
	CHECK(truncate(copy, 0) == 0 && unlink(copy) == 0);
}

static int child(int argc, char **argv)
{
	if (!strcmp(argv[1], "strings")) {
		bool ok = argc == 4 && !strcmp(argv[0], "zero") && !strcmp(argv[2], "") && !strcmp(argv[3], "two words");
		return ok && !strcmp(environ[0], "A=1") && !strcmp(environ[1], "B=") && !environ[2] ? 20 : 1;
	}
	if (!strcmp(argv[1], "wait")) { /* the end of whose input is when it is to go */
		char c = 'r';
		return write(1, &c, 1) != 1 || read(0, &c, 1) != 0;
	}
	if (!strcmp(argv[1], "auxv")) {
		const Elf64_Phdr *headers = (void *)getauxval(AT_PHDR);
		bool ok = headers && getauxval(AT_PHENT) == sizeof(*headers) && getauxval(AT_PHNUM) > 0 &&
			  getauxval(AT_PAGESZ) == 4096 && getauxval(AT_ENTRY) && getauxval(AT_UID) == getuid() &&
			  getauxval(AT_CLKTCK) == 100 && getauxval(AT_RANDOM) && !getauxval(AT_SECURE);
		return ok && !strcmp((char *)getauxval(AT_PLATFORM), "x86_64") && getauxval(AT_EXECFN) ? 21 : 1;
	}
	if (!strcmp(argv[1], "signals")) {
		struct sigaction one, two;
		sigaction(SIGUSR1, NULL, &one);
		sigaction(SIGUSR2, NULL, &two);
		return one.sa_handler == SIG_IGN && two.sa_handler == SIG_DFL ? 22 : 1;
	}
	if (!strcmp(argv[1], "files")) {
		return fcntl(atoi(argv[2]), F_GETFD) == 0 && fcntl(atoi(argv[3]), F_GETFD) == -1 && errno == EBADF ? 23 : 1;
	}
	if (!strcmp(argv[1], "script-argument")) {
		return argc == 4 && strstr(argv[2], "/tmp/exec-") && !strcmp(argv[3], "first") ? 24 : 1;
	}
	return !strcmp(argv[1], "long") && strlen(argv[2]) == 100000 ? 25 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		return child(argc, argv);
	}
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0 || !mkdtemp(directory)) {
		printf("not ok set-up (errno %d)\n", errno);
		return 1;
	}
	snprintf(script, sizeof(script), "%s/script", directory);
	RUN(arguments_and_environment_arrive);
	RUN(the_auxiliary_vector_is_complete);
	RUN(ignored_signals_stay_ignored_and_caught_ones_do_not);
	RUN(close_on_exec_closes);
	RUN(scripts_run_their_interpreter);
	RUN(endless_scripts_end);
	RUN(what_cannot_be_run_is_refused);
	RUN(long_arguments_pass_and_too_long_ones_do_not);
	RUN(bad_pointers_are_refused);
	RUN(what_runs_is_not_written_to);
	unlink(script);
	rmdir(directory);
	return check_failures;
}
