/* SPDX-License-Identifier: MIT */
/* Processes: fork, exec and its failures, exit and wait, groups, sessions, stopping. */
#include "calls.h"

#include <sys/mman.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const char *self;

static void exit_status(void)
{
	int status = -1;
	if (fork() == 0) {
		_exit(300);
	}
	CALL(wait(&status) > 0);
	SHOW("status of exit 300", "%x", status);
	static const int signals[] = { SIGKILL, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGPIPE, SIGVTALRM, 40 };
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (fork() == 0) {
			signal(SIGPIPE, SIG_DFL);
			kill(getpid(), signals[i]);
			_exit(1);
		}
		wait(&status);
		SHOW("status after a signal", "%d: %x", signals[i], status);
	}
	if (fork() == 0) {
		kill(getpid(), SIGCHLD);
		kill(getpid(), SIGURG);
		kill(getpid(), SIGWINCH);
		kill(getpid(), SIGCONT);
		_exit(5);
	}
	wait(&status);
	SHOW("status after signals without effect", "%x", status);
	CALL(wait(&status));
}

static void wait_errors(void)
{
	int status;
	siginfo_t info = { 0 };
	struct rusage usage;
	CALL(wait4(-1, &status, 0, NULL));
	CALL(wait4(getpid(), &status, 0, NULL));
	CALL(wait4(1, &status, 0, NULL));
	CALL(wait4(-1, &status, 0x100, NULL));
	CALL(wait4(-0x7fffffff - 1, &status, 0, NULL));
	CALL(syscall(SYS_waitid, P_ALL, 0, &info, 0, NULL));
	CALL(syscall(SYS_waitid, P_ALL, 0, &info, WEXITED, NULL));
	CALL(syscall(SYS_waitid, 9, 0, &info, WEXITED, NULL));
	CALL(syscall(SYS_waitid, P_PID, -1, &info, WEXITED, NULL));
	CALL(syscall(SYS_waitid, P_PID, 0, &info, WEXITED, NULL));
	pid_t child = fork();
	if (child == 0) {
		_exit(7);
	}
	CALL(syscall(SYS_waitid, P_PID, child, &info, WEXITED | WNOWAIT, NULL));
	SHOW("info", "signal %d code %d status %d pid %d uid %d errno %d", info.si_signo, info.si_code, info.si_status, info.si_pid == child,
		info.si_uid == getuid(), info.si_errno);
	CALL(syscall(SYS_waitid, P_PID, child, NULL, WEXITED | WNOHANG, &usage));
	CALL(syscall(SYS_waitid, P_PID, child, &info, WEXITED, NULL));
	child = fork();
	if (child == 0) {
		pause();
	}
	info.si_signo = 5;
	CALL(wait4(child, &status, WNOHANG, NULL));
	CALL(syscall(SYS_waitid, P_PID, child, &info, WEXITED | WNOHANG, NULL));
	SHOW("info without a child", "%d", info.si_signo);
	kill(child, SIGKILL);
	CALL(syscall(SYS_waitid, P_PID, child, &info, WEXITED, NULL));
	SHOW("info of the killed", "code %d status %d", info.si_code, info.si_status);
	if (fork() == 0) {
		_exit(0);
	}
	CALL(wait4(-1, NOWHERE, 0, NULL));
	CALL(wait4(-1, &status, 0, NULL));
	if (fork() == 0) {
		_exit(0);
	}
	CALL(wait4(-1, NULL, 0, NOWHERE));
}

static long used_us(const struct rusage *usage)
{
	return usage->ru_utime.tv_sec * 1000000l + usage->ru_utime.tv_usec + usage->ru_stime.tv_sec * 1000000l + usage->ru_stime.tv_usec;
}

static void use_time(void)
{
	struct rusage usage;
	do {
		getrusage(RUSAGE_SELF, &usage);
	} while (used_us(&usage) < 60000);
}

/* What a child used has what its own children used, of which it was told: time, faults, and the most memory. */
static void usage_of_descendants(void)
{
	int status;
	struct rusage usage;
	siginfo_t info;
	for (int way = 0; way < 2; way++) {
		pid_t child = fork();
		if (child == 0) {
			pid_t grandchild = fork();
			if (grandchild == 0) {
				volatile char *memory = malloc(30 << 20);
				for (size_t at = 0; at < 30 << 20; at += PAGE) {
					memory[at] = 1;
				}
				use_time();
				_exit(0);
			}
			waitpid(grandchild, &status, 0);
			_exit(0);
		}
		memset(&usage, 0, sizeof(usage));
		long result = way ? syscall(SYS_waitid, P_PID, child, &info, WEXITED, &usage) : wait4(child, &status, 0, &usage);
		IS(result == (way ? 0 : child));
		IS(used_us(&usage) >= 60000);
		IS(usage.ru_minflt >= 10);
		IS(usage.ru_maxrss >= 20 << 10);
	}
}

static void stopping(void)
{
	int status, ends[2];
	char c;
	siginfo_t info;
	pipe(ends);
	pid_t child = fork();
	if (child == 0) {
		kill(getpid(), SIGSTOP);
		read(ends[0], &c, 1);
		kill(getpid(), SIGSTOP);
		_exit(3);
	}
	CALL(waitpid(child, &status, WUNTRACED) == child);
	SHOW("status of the stopped", "%x", status);
	CALL(waitpid(child, &status, WUNTRACED | WNOHANG));
	CALL(kill(child, SIGCONT));
	CALL(waitpid(child, &status, WCONTINUED) == child);
	SHOW("status of the continued", "%x", status);
	write(ends[1], "x", 1);
	CALL(syscall(SYS_waitid, P_PID, child, &info, WSTOPPED | WNOWAIT, NULL));
	SHOW("stopped again", "code %d status %d", info.si_code, info.si_status);
	CALL(kill(child, SIGTERM));
	CALL(waitpid(child, &status, WNOHANG));
	CALL(kill(child, SIGKILL));
	CALL(waitpid(child, &status, 0) == child);
	SHOW("status of the killed", "%x", status);
}

static volatile unsigned long *turns;

static void *turn(void *arg)
{
	for (;;) {
		turns[(long)arg]++;
	}
	return NULL;
}

/* A stop is told when all threads have come to rest, not before. */
static void stopping_threads(void)
{
	int status;
	turns = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	if (child == 0) {
		pthread_t t;
		for (long i = 1; i < 4; i++) {
			pthread_create(&t, NULL, turn, (void *)i);
		}
		turn(NULL);
	}
	for (int i = 0; i < 60000 && !(turns[0] && turns[1] && turns[2] && turns[3]); i++) {
		usleep(1000);
	}
	IS(turns[0] && turns[1] && turns[2] && turns[3]);
	bool moved = false;
	for (int round = 0; round < 10; round++) {
		usleep(10000);
		kill(child, SIGSTOP);
		waitpid(child, &status, WUNTRACED);
		unsigned long before = turns[0] + turns[1] + turns[2] + turns[3];
		usleep(5000);
		moved |= turns[0] + turns[1] + turns[2] + turns[3] != before;
		kill(child, SIGCONT);
		waitpid(child, &status, WCONTINUED);
	}
	IS(moved);
	SHOW("status", "%x", status);
	kill(child, SIGSTOP);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	SHOW("status", "%x", status);
}

/* What exec answers, in a child: a success ends in the program's own exit status. */
static void exec_says(const char *name, const char *path, char *const argv[], char *const envp[])
{
	int status;
	if (fork() == 0) {
		syscall(SYS_execve, path, argv, envp);
		calls_line("exec_says", name, "%s", calls_error(errno));
		_exit(0);
	}
	wait(&status);
	if (status) {
		calls_line("exec_says", name, "status %x", status);
	}
}

static void exec_failures(void)
{
	char *argv[] = { "name", "exit", "9", NULL }, *envp[] = { "A=b", NULL }, *bad[] = { "name", NOWHERE, NULL };
	make_file("text", "no program at all");
	make_file("empty", "");
	make_file("script", "#!/none/such\n");
	make_file("blank", "#!   \n");
	make_file("self", "#!self\n");
	make_file("elf", "\177ELF\2\1\1 but then nothing that makes sense, and it is long enough to be read as a header of one");
	chmod("text", 0755);
	chmod("empty", 0755);
	chmod("script", 0755);
	chmod("blank", 0755);
	chmod("self", 0755);
	chmod("elf", 0755);
	exec_says("itself", self, argv, envp);
	exec_says("none", "none", argv, envp);
	exec_says("empty name", "", argv, envp);
	exec_says("a directory", ".", argv, envp);
	exec_says("a device", "/dev/null", argv, envp);
	exec_says("text", "text", argv, envp);
	exec_says("an empty file", "empty", argv, envp);
	exec_says("a script without its interpreter", "script", argv, envp);
	exec_says("a script with a blank first line", "blank", argv, envp);
	exec_says("a script of itself", "./self", argv, envp);
	exec_says("a broken ELF file", "elf", argv, envp);
	exec_says("below a file", "text/x", argv, envp);
	chmod("text", 0644);
	exec_says("not executable", "text", argv, envp);
	exec_says("a bad path", NOWHERE, argv, envp);
	exec_says("bad arguments", self, NOWHERE, envp);
	exec_says("a bad argument", self, bad, envp);
	exec_says("a bad environment", self, argv, NOWHERE);
	exec_says("no environment", self, argv, NULL);
	static char large[140000];
	memset(large, 'x', sizeof(large) - 1);
	char *one_too_long[] = { "name", "exit", "3", large, NULL };
	exec_says("an argument of 140000 bytes", self, one_too_long, envp);
	large[131071] = '\0';
	exec_says("an argument of 131071 bytes", self, one_too_long, envp);
	char script[600];
	snprintf(script, sizeof(script), "#!%s exit 44\n", self);
	make_file("args", script);
	chmod("args", 0755);
	exec_says("a script with one argument", "./args", argv, envp);
	int fd = open("args", O_WRONLY);
	exec_says("a script that is open for writing", "./args", argv, envp);
	close(fd);
	exec_says("a script once it is closed", "./args", argv, envp);
}

static void exec_keeps(void)
{
	int status;
	char *argv[] = { "name", "inspect", NULL }, *envp[] = { "A=b", "C=d", NULL };
	if (fork() == 0) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigprocmask(SIG_BLOCK, &set, NULL);
		kill(getpid(), SIGUSR2);
		signal(SIGUSR1, SIG_IGN);
		signal(SIGHUP, exit);
		open("/dev/null", O_RDONLY | O_CLOEXEC);
		open("/dev/null", O_RDONLY);
		umask(027);
		prctl(PR_SET_NAME, "other name");
		alarm(200);
		execve(self, argv, envp);
		_exit(99);
	}
	wait(&status);
	SHOW("its status", "%x", status);
}

/* What exec_keeps' child prints. */
static int inspect(char **argv, char **envp)
{
	sigset_t set;
	struct sigaction action;
	char name[16] = "";
	SHOW("arguments", "%s %s", argv[0], argv[1]);
	SHOW("environment", "%s %s %s", envp[0], envp[1], envp[2] ? "more" : "no more");
	sigprocmask(SIG_BLOCK, NULL, &set);
	SHOW("blocked", "%d %d", sigismember(&set, SIGUSR2), sigismember(&set, SIGUSR1));
	sigpending(&set);
	SHOW("pending", "%d", sigismember(&set, SIGUSR2));
	sigaction(SIGUSR1, NULL, &action);
	SHOW("ignored stays ignored", "%d", action.sa_handler == SIG_IGN);
	sigaction(SIGHUP, NULL, &action);
	SHOW("a handler becomes the default", "%d", action.sa_handler == SIG_DFL);
	CALL(fcntl(3, F_GETFD));
	CALL(fcntl(4, F_GETFD));
	SHOW("umask", "%o", umask(0));
	prctl(PR_GET_NAME, name);
	SHOW("name", "%s", name);
	IS(alarm(0) > 0);
	return 6;
}

static void groups(void)
{
	int status, ends[2];
	CALL(getpgid(0) == getpgrp());
	CALL(getpgid(-1));
	CALL(getpgid(99999999));
	CALL(getsid(99999999));
	CALL(setpgid(0, -1));
	CALL(setpgid(-1, 0));
	CALL(setpgid(99999999, 0));
	CALL(setpgid(1, 0));
	CALL(setpgid(0, 99999999));
	CALL(setpgid(0, 0));
	IS(getpgrp() == getpid());
	CALL(setsid());
	pipe(ends);
	pid_t child = fork();
	if (child == 0) {
		char c;
		read(ends[0], &c, 1);
		_exit(0);
	}
	CALL(setpgid(child, child));
	IS(getpgid(child) == child);
	CALL(setpgid(child, getpid()));
	CALL(wait4(0, &status, WNOHANG, NULL));
	CALL(setpgid(child, child));
	CALL(wait4(0, &status, WNOHANG, NULL));
	CALL(wait4(-child, &status, WNOHANG, NULL));
	CALL(kill(-child, 0));
	write(ends[1], "x", 1);
	CALL(wait4(-child, &status, 0, NULL) == child);
	CALL(kill(-child, 0));
	child = fork();
	if (child == 0) {
		CALL(setsid() == getpid());
		CALL(getsid(0) == getpid());
		CALL(getpgrp() == getpid());
		CALL(setsid());
		CALL(setpgid(0, 0));
		_exit(0);
	}
	wait(&status);
}

static void clones(void)
{
	int status, parent_tid = 0;
	CALL(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
	CALL(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
	CALL(syscall(SYS_clone, CLONE_SIGHAND | CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
	CALL(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	long child = syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, &parent_tid, 0, 0);
	if (child == 0) {
		_exit(0);
	}
	IS(parent_tid == child);
	wait(&status);
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		umask(077);
		chdir("/");
		_exit(open("/dev/null", O_RDONLY));
	}
	wait(&status);
	SHOW("a descriptor by the child", "%d", WEXITSTATUS(status));
	CALL(fcntl(WEXITSTATUS(status), F_GETFD));
	SHOW("the umask by the child", "%o", umask(022));
	char at[600] = "";
	getcwd(at, sizeof(at));
	SHOW("the working directory by the child", "%s", at);
	child = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (child == 0) {
		_exit(4);
	}
	CALL(wait4((pid_t)child, &status, 0, NULL));
	CALL(wait4((pid_t)child, &status, 0x80000000, NULL) == child);
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} wanted = { .exit_signal = SIGCHLD };
	CALL(syscall(SYS_clone3, &wanted, 8));
	CALL(syscall(SYS_clone3, NOWHERE, sizeof(wanted)));
	wanted.exit_signal = 999;
	CALL(syscall(SYS_clone3, &wanted, sizeof(wanted)));
	wanted.exit_signal = SIGCHLD;
	wanted.stack = 4096;
	CALL(syscall(SYS_clone3, &wanted, sizeof(wanted)));
	wanted.stack = 0;
	wanted.flags = 1ull << 62;
	CALL(syscall(SYS_clone3, &wanted, sizeof(wanted)));
	wanted.flags = 0;
	child = syscall(SYS_clone3, &wanted, sizeof(wanted));
	if (child == 0) {
		_exit(8);
	}
	CALL(wait4((pid_t)child, &status, 0, NULL) == child);
	SHOW("status", "%x", status);
}

static void orphans(void)
{
	int ends[2];
	char c = 0;
	pipe(ends);
	pid_t child = fork();
	if (child == 0) {
		pid_t parent = getpid();
		if (fork() == 0) {
			alarm(200);
			while (getppid() == parent) {
				usleep(1000);
			}
			write(ends[1], getppid() != parent ? "y" : "n", 1);
			_exit(0);
		}
		_exit(0);
	}
	waitpid(child, NULL, 0);
	CALL(read(ends[0], &c, 1));
	SHOW("has another parent", "%c", c);
	if (fork() == 0) {
		int signal_number = 0;
		pid_t parent = getpid();
		if (fork() == 0) {
			alarm(200);
			CALL(prctl(PR_SET_PDEATHSIG, SIGKILL));
			CALL(prctl(PR_GET_PDEATHSIG, &signal_number));
			SHOW("signal", "%d", signal_number);
			kill(parent, SIGKILL);
			pause();
			_exit(0);
		}
		pause();
	}
	wait(NULL);
	CALL(signal(SIGCHLD, SIG_IGN) == SIG_ERR);
	child = fork();
	if (child == 0) {
		_exit(0);
	}
	CALL(waitpid(child, NULL, 0));
	struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
	sigaction(SIGCHLD, &action, NULL);
	child = fork();
	if (child == 0) {
		_exit(0);
	}
	CALL(wait(NULL));
}

static void vfork_shares(void)
{
	volatile int seen = 0;
	int status;
	pid_t child = vfork();
	if (child == 0) {
		seen = 1;
		_exit(2);
	}
	SHOW("seen", "%d", seen);
	CALL(waitpid(child, &status, 0) == child);
	SHOW("status", "%x", status);
}

static void many_children(void)
{
	struct rlimit limit;
	int count = 0, sum = 0, status;
	for (int i = 0; i < 20; i++) {
		if (fork() == 0) {
			_exit(i);
		}
		count++;
	}
	while (wait(&status) > 0) {
		sum += WEXITSTATUS(status);
		count--;
	}
	SHOW("left and sum", "%d %d", count, sum);
	CALL(getrlimit(RLIMIT_NPROC, &limit));
}

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && strcmp(argv[1], "exit") == 0) {
		return atoi(argv[2]);
	}
	if (argc > 1 && strncmp(argv[1], "exit ", 5) == 0) {
		return atoi(argv[1] + 5) + argc;
	}
	if (argc > 1 && strcmp(argv[1], "inspect") == 0) {
		return inspect(argv, envp);
	}
	self = argv[0];
	calls_begin();
	RUN(exit_status);
	RUN(wait_errors);
	RUN(usage_of_descendants);
	RUN(stopping);
	RUN(stopping_threads);
	RUN(exec_failures);
	RUN(exec_keeps);
	RUN(groups);
	RUN(clones);
	RUN(orphans);
	RUN(vfork_shares);
	RUN(many_children);
	return 0;
}
