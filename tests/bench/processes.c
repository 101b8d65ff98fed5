/* SPDX-License-Identifier: MIT */
/* Lines of processes and threads: made, replaced, waited for. DEBIAN_TRUE is Debian's own program, dynamically linked. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define DEBIAN_TRUE "/debian/true"
#define SHELL "/bin/sh"

static void fork_wait(long ops)
{
	for (long i = 0; i < ops; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			_exit(0);
		}
		wait_for(pid);
	}
}

/* fork, exec and wait for `ops` times the program with these arguments. */
static void spawn(long ops, char *const argv[])
{
	for (long i = 0; i < ops; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			execv(argv[0], argv);
			_exit(127);
		}
		wait_for(pid);
	}
}

static void fork_exec_wait(long ops)
{
	spawn(ops, (char *[]){ (char *)own_name, "exit", NULL });
}

static void exec_dynamic(long ops)
{
	spawn(ops, (char *[]){ DEBIAN_TRUE, NULL });
}

/* One operation is one turn of a shell's loop, in which the shell runs itself in a child. */
static void shell_loop(long ops)
{
	char script[96];
	snprintf(script, sizeof(script), "i=0; while [ $i -lt %ld ]; do (: $i); i=$((i+1)); done", ops);
	spawn(1, (char *[]){ SHELL, "-c", script, NULL });
}

static void *end_thread(void *argument)
{
	return argument;
}

static void thread_create_join(long ops)
{
	for (long i = 0; i < ops; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, end_thread, NULL) != 0 || pthread_join(thread, NULL) != 0) {
			die("thread");
		}
	}
}

/* Once without the clock, so that no line waits for the disk. */
static void warm_exec(void)
{
	fork_exec_wait(1);
}

static void warm_dynamic(void)
{
	exec_dynamic(1);
}

static void warm_shell(void)
{
	shell_loop(1);
}

const struct line process_lines[] = {
	{ "fork-wait", 200, fork_wait },
	{ "fork-exec-wait", 100, fork_exec_wait, warm_exec },
	{ "exec-dynamic", 50, exec_dynamic, warm_dynamic },
	{ "shell-loop", 100, shell_loop, warm_shell },
	{ "thread-create-join", 1000, thread_create_join },
	{ 0 },
};
