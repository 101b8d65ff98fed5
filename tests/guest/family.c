/* SPDX-License-Identifier: MIT */
/* fork, vfork, exit, wait4, waitid, process groups and sessions. */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static void exit_status_reaches_the_parent(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		_exit(42);
	}
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD);
}

static void death_by_signal_is_reported(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		raise(SIGKILL);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !WCOREDUMP(status));
}

static void memory_is_copied_and_shared_mappings_are_shared(void)
{
	static int private = 1;
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		private = 2;
		*shared = 3;
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(private == 1 && *shared == 3);
	munmap(shared, 4096);
}

static void nohang_does_not_wait(void)
{
	int fds[2], status;
	char c;
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[1]);
		(void)!read(fds[0], &c, 1);
		_exit(0);
	}
	CHECK(waitpid(-1, &status, WNOHANG) == 0);
	close(fds[0]);
	close(fds[1]);
	CHECK(waitpid(-1, &status, 0) == pid);
}

static void stop_and_continue_are_reported(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		for (;;) {
			pause();
		}
	}
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM);
}

static void waitid_tells_and_may_leave_the_zombie(void)
{
	siginfo_t info = { 0 };
	pid_t pid = fork();
	if (pid == 0) {
		_exit(7);
	}
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 7 && info.si_signo == SIGCHLD);
	CHECK(waitid(P_ALL, 0, &info, WEXITED) == 0 && info.si_pid == pid);
	CHECK(waitid(P_ALL, 0, &info, WEXITED) == -1 && errno == ECHILD);
}

static void vfork_lets_the_parent_wait(void)
{
	static volatile int seen;
	seen = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		seen = 5;
		_exit(1);
	}
	CHECK(pid > 0 && seen == 5);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* The child does not exec before the parent is gone: it takes what ends the parent to let the parent go. */
static void vfork_of_a_killed_parent(int signal, int *status)
{
	int held[2], runs[2];
	char c;
	*status = -1;
	if (pipe(held) != 0 || pipe(runs) != 0) {
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(held[1]);
		if (vfork() == 0) {
			_exit(write(runs[1], "r", 1) != 1 || read(held[0], &c, 1) != 0);
		}
		_exit(9);
	}
	close(runs[1]);
	if (read(runs[0], &c, 1) != 1) {
		return;
	}
	kill(pid, signal);
	alarm(100);
	waitpid(pid, status, 0);
	alarm(0);
	close(held[0]);
	close(held[1]);
	close(runs[0]);
}

static void vfork_does_not_keep_what_is_killed(void)
{
	int status;
	vfork_of_a_killed_parent(SIGKILL, &status);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	vfork_of_a_killed_parent(SIGTERM, &status);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* The child is its grandparent's: the process that waits is not told by being the parent. */
static void vfork_for_the_parent(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(100);
		long child = syscall(SYS_clone, CLONE_VFORK | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		_exit(child < 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(waitpid(-1, &status, 0) > 0 && status == 0);
}

/* The end of a process that was made for the parent is no means to kill that parent. */
static void the_parents_signal_is_not_chosen(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		long child = syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);
		_exit(child < 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(waitpid(-1, &status, 0) > 0 && status == 0);
}

static void ignored_sigchld_leaves_no_zombie(void)
{
	signal(SIGCHLD, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		_exit(0);
	}
	pid_t got = waitpid(pid, NULL, 0);
	int error = errno;
	signal(SIGCHLD, SIG_DFL);
	CHECK(got == -1 && error == ECHILD);
}

static void groups_and_sessions_follow_the_rules(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = setpgid(0, 0) == 0 && getpgrp() == getpid();
		ok = ok && setsid() == -1 && errno == EPERM; /* leads a group */
		ok = ok && setpgid(getppid(), 0) == -1 && errno == ESRCH;
		pid_t child = fork();
		if (child == 0) {
			ok = setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid();
			ok = ok && setpgid(0, 0) == -1 && errno == EPERM;
			_exit(ok ? 0 : 1);
		}
		waitpid(child, &status, 0);
		_exit(ok && status == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void orphans_go_to_process_one_or_a_reaper(void)
{
	int fds[2];
	pid_t parent = 0, first;
	CHECK(pipe(fds) == 0);
	first = fork();
	if (first == 0) {
		pid_t me = getpid();
		if (fork() == 0) {
			while (getppid() == me) {
				usleep(1000);
			}
			parent = getppid();
			(void)!write(fds[1], &parent, sizeof(parent));
			_exit(0);
		}
		_exit(0);
	}
	CHECK(waitpid(first, NULL, 0) == first);
	CHECK(read(fds[0], &parent, sizeof(parent)) == sizeof(parent));
	CHECK(parent > 0 && parent != first);
	close(fds[0]);
	close(fds[1]);
}

static void many_children_come_and_go(void)
{
	for (int i = 0; i < 200; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			_exit(i & 0x7f);
		}
		CHECK(pid > 0);
		CHECK(wait(&status) == pid && WEXITSTATUS(status) == (i & 0x7f));
	}
}

/* A child with a child of its own that has ended, which it ends itself without waiting for; the number of that one. */
static pid_t leave_a_zombie(void)
{
	int ends[2];
	pid_t below = 0;
	siginfo_t info;
	if (pipe(ends) == 0 && fork() == 0) {
		signal(SIGCHLD, SIG_DFL);
		below = fork();
		if (below == 0) {
			_exit(0);
		}
		waitid(P_PID, (id_t)below, &info, WEXITED | WNOWAIT);
		_exit(write(ends[1], &below, sizeof(below)) != sizeof(below));
	}
	close(ends[1]);
	if (read(ends[0], &below, sizeof(below)) != sizeof(below)) {
		below = 0;
	}
	close(ends[0]);
	return below;
}

static void a_reaper_hears_of_ended_orphans(void)
{
	sigset_t set, old;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t orphan = leave_a_zombie();
	CHECK(orphan > 0 && sigtimedwait(&set, &info, &(struct timespec){ 100, 0 }) == SIGCHLD && info.si_pid == orphan);
	CHECK(wait(NULL) > 0 && wait(NULL) > 0);
	signal(SIGCHLD, SIG_IGN);
	orphan = leave_a_zombie();
	pid_t left = wait(NULL); /* nobody, when all have ended */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	/* Linux wakes who waits a moment before the orphan's number is free. */
	for (int tries = 0; kill(orphan, 0) == 0 && tries < 1000000; tries++) {
		sched_yield();
	}
	CHECK(orphan > 0 && left == -1 && kill(orphan, 0) == -1 && errno == ESRCH);
}

static void usage_of_children_adds_up(void)
{
	struct rusage usage;
	pid_t pid = fork();
	if (pid == 0) {
		volatile unsigned sum = 0;
		for (unsigned i = 0; i < 20000000; i++) {
			sum += i;
		}
		_exit(0);
	}
	CHECK(wait4(pid, NULL, 0, &usage) == pid);
	CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec > 0);
	CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
}

int main(void)
{
	RUN(exit_status_reaches_the_parent);
	RUN(death_by_signal_is_reported);
	RUN(memory_is_copied_and_shared_mappings_are_shared);
	RUN(nohang_does_not_wait);
	RUN(stop_and_continue_are_reported);
	RUN(waitid_tells_and_may_leave_the_zombie);
	RUN(vfork_lets_the_parent_wait);
	RUN(vfork_does_not_keep_what_is_killed);
	RUN(vfork_for_the_parent);
	RUN(the_parents_signal_is_not_chosen);
	RUN(ignored_sigchld_leaves_no_zombie);
	RUN(groups_and_sessions_follow_the_rules);
	RUN(orphans_go_to_process_one_or_a_reaper);
	RUN(many_children_come_and_go);
	RUN(a_reaper_hears_of_ended_orphans);
	RUN(usage_of_children_adds_up);
	return check_failures;
}
