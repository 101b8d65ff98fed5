/* SPDX-License-Identifier: MIT */
/* Signals: handlers and their frames, masks, restarts, information, timers. */
#include "check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t count, order[8];
static siginfo_t last;

static void counting(int signal)
{
	count++;
}

static void informed(int signal, siginfo_t *info, void *context)
{
	last = *info;
	count++;
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(signal, &action, NULL);
	count = 0;
}

static void handle_info(int signal, int flags)
{
	struct sigaction action = { .sa_sigaction = informed, .sa_flags = flags | SA_SIGINFO };
	sigaction(signal, &action, NULL);
	memset(&last, 0, sizeof(last));
	count = 0;
}

static void a_handler_runs_and_returns(void)
{
	handle(SIGUSR1, counting, 0);
	CHECK(raise(SIGUSR1) == 0 && count == 1);
	CHECK(kill(getpid(), SIGUSR1) == 0 && count == 2);
}

static void blocked_signals_wait(void)
{
	sigset_t set, pending;
	handle(SIGUSR1, counting, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK(count == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(count == 1);
}

static void note_order(int signal)
{
	order[count++] = signal;
	if (signal == SIGUSR1) {
		raise(SIGUSR1);
		raise(SIGUSR2);
	}
	order[count++] = -signal;
}

static void once(int signal)
{
	static bool again;
	order[count++] = signal;
	if (signal == SIGUSR1 && !again) {
		again = true;
		raise(SIGUSR1);
		raise(SIGUSR2);
	}
	order[count++] = -signal;
}

static void the_handlers_mask_holds_while_it_runs(void)
{
	struct sigaction action = { .sa_handler = once };
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = note_order;
	sigaction(SIGUSR2, &action, NULL);
	count = 0;
	raise(SIGUSR1);
	CHECK(count == 6);
	CHECK(order[0] == SIGUSR1 && order[1] == -SIGUSR1); /* both wait for the first handler's end */
	handle(SIGUSR2, SIG_DFL, 0);
}

static void resethand_works_once(void)
{
	struct sigaction now;
	handle(SIGUSR1, counting, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL && count == 1);
}

static void kill_tells_who_sent_it(void)
{
	int status;
	handle_info(SIGUSR1, 0);
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		kill(me, SIGUSR1);
		_exit(3);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
	}
	CHECK(count == 1 && last.si_pid == pid && last.si_code == SI_USER && last.si_uid == getuid());
}

static void sigchld_tells_what_happened(void)
{
	sigset_t set;
	handle_info(SIGCHLD, SA_RESTART);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		_exit(9);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(count == 1 && last.si_pid == pid && last.si_code == CLD_EXITED && last.si_status == 9);
	handle(SIGCHLD, SIG_DFL, 0);
}

static void a_read_restarts_if_asked_to(void)
{
	int fds[2];
	char c = 0;
	CHECK(pipe(fds) == 0);
	for (int restart = 0; restart < 2; restart++) {
		handle(SIGALRM, counting, restart ? SA_RESTART : 0);
		pid_t parent = getpid(), pid = fork();
		if (pid == 0) {
			until_asleep(parent);
			kill(parent, SIGALRM);
			if (restart) { /* else nothing comes before the read has failed */
				until_asleep(parent);
				(void)!write(fds[1], "x", 1);
			}
			_exit(0);
		}
		ssize_t n = read(fds[0], &c, 1);
		int error = errno;
		if (!restart) {
			CHECK(n == -1 && error == EINTR && count == 1);
		} else {
			CHECK(n == 1 && c == 'x' && count == 1);
		}
		waitpid(pid, NULL, 0);
	}
	close(fds[0]);
	close(fds[1]);
}

static sigjmp_buf jump;
static void *fault_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	last = *info;
	fault_address = info->si_addr;
	siglongjmp(jump, 1);
}

static void faults_name_the_address(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	volatile char *nowhere = (char *)0x10;
	if (!sigsetjmp(jump, 1)) {
		*nowhere = 1;
	}
	CHECK(fault_address == (void *)0x10 && last.si_code == SEGV_MAPERR);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!sigsetjmp(jump, 1)) {
		*(volatile char *)(page + 5) = 1;
	}
	CHECK(fault_address == page + 5 && last.si_code == SEGV_ACCERR);
	munmap(page, 4096);
	handle(SIGSEGV, SIG_DFL, 0);
}

static void uncaught_faults_kill(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		*(volatile int *)8 = 1;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	pid = fork();
	if (pid == 0) {
		__asm__ volatile("ud2");
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGILL);
	pid = fork();
	if (pid == 0) {
		__asm__ volatile("xor %%eax, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::: "eax", "ecx", "edx");
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGFPE);
}

static void *handler_sp;

static void note_stack(int signal)
{
	handler_sp = __builtin_frame_address(0);
}

static void handlers_run_on_the_alternate_stack(void)
{
	static char stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) }, old;
	CHECK(sigaltstack(&alternate, NULL) == 0);
	handle(SIGUSR1, note_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK((char *)handler_sp > stack && (char *)handler_sp < stack + sizeof(stack));
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == stack && old.ss_flags == 0);
	alternate.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&alternate, NULL) == 0);
}

static void spoil_registers(int signal)
{
	__asm__ volatile("pcmpeqb %%xmm0, %%xmm0; pcmpeqb %%xmm7, %%xmm7; fldz; fstp %%st(0)" ::: "xmm0", "xmm7");
	count++;
}

static void vector_registers_survive_a_handler(void)
{
	uint64_t in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, out[2];
	handle(SIGUSR1, spoil_registers, 0);
	long result;
	register long r10 __asm__("r10") = 0;
	__asm__ volatile("movdqu (%[in]), %%xmm7\n\tsyscall\n\tmovdqu %%xmm7, (%[out])"
			 : "=a"(result), "+r"(r10)
			 : "a"(62l), "D"((long)getpid()), "S"((long)SIGUSR1), [in] "r"(in), [out] "r"(out)
			 : "rcx", "r11", "xmm7", "memory");
	CHECK(result == 0 && count == 1);
	CHECK(out[0] == in[0] && out[1] == in[1]);
}

static void change_context(int signal, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RBX] = 1234;
}

static void a_handler_may_change_the_context(void)
{
	struct sigaction action = { .sa_sigaction = change_context, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &action, NULL);
	long result, rbx;
	__asm__ volatile("xor %%ebx, %%ebx\n\tsyscall\n\tmov %%rbx, %[rbx]"
			 : "=a"(result), [rbx] "=r"(rbx)
			 : "a"(62l), "D"((long)getpid()), "S"((long)SIGUSR1)
			 : "rcx", "r11", "rbx", "memory");
	CHECK(result == 0 && rbx == 1234);
}

static void sigsuspend_waits_with_another_mask(void)
{
	sigset_t block, none, now;
	handle(SIGUSR1, counting, 0);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	CHECK(sigsuspend(&none) == -1 && errno == EINTR && count == 1);
	CHECK(sigprocmask(SIG_UNBLOCK, &block, &now) == 0 && sigismember(&now, SIGUSR1));
}

static void sigtimedwait_takes_and_times_out(void)
{
	sigset_t set;
	siginfo_t info;
	struct timespec brief = { 0, 20000000 };
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(sigtimedwait(&set, &info, &brief) == -1 && errno == EAGAIN);
	raise(SIGUSR2);
	CHECK(sigtimedwait(&set, &info, &brief) == SIGUSR2 && info.si_signo == SIGUSR2);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void real_time_signals_queue(void)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 1; i <= 3; i++) {
		CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }) == 0);
	}
	for (int i = 1; i <= 3; i++) {
		CHECK(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == i && info.si_code == SI_QUEUE);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static sigset_t set_of(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

static void *take_one(void *set)
{
	return (void *)(intptr_t)sigwaitinfo(set, NULL);
}

/* Two signals for two threads that wait: neither sleeps on. */
static void each_waiting_thread_takes_one(void)
{
	pthread_t threads[2];
	struct timespec brief = { 0, 100000000 };
	sigset_t set = set_of(SIGRTMIN);
	signal(SIGALRM, SIG_DFL);
	alarm(100); /* which ends this program */
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(pthread_create(&threads[i], NULL, take_one, &set) == 0);
	}
	nanosleep(&brief, NULL);
	for (int i = 0; i < 2; i++) {
		CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }) == 0);
	}
	for (int i = 0; i < 2; i++) {
		void *taken;
		CHECK(pthread_join(threads[i], &taken) == 0 && (intptr_t)taken == SIGRTMIN);
	}
	alarm(0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static volatile bool second_came, second_in_time;

static void second_handler(int signal)
{
	second_came = true;
}

static void first_handler(int signal)
{
	struct timespec moment = { 0, 10000000 };
	for (int i = 0; i < 6000 && !second_came; i++) {
		nanosleep(&moment, NULL);
	}
	second_in_time = second_came;
}

static void *take_seconds(void *unused)
{
	sigset_t set = set_of(SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	while (!second_came) {
		pause();
	}
	return NULL;
}

/* Two signals come while the first thread cannot look. It takes one, and blocks the other meanwhile: that is for the second thread, at once. */
static void what_one_thread_blocks_another_takes(void)
{
	pthread_t thread;
	struct timespec brief = { 0, 20000000 };
	struct sigaction first = { .sa_handler = first_handler, .sa_mask = set_of(SIGUSR2) }, second = { .sa_handler = second_handler };
	sigset_t both = set_of(SIGUSR1);
	sigaddset(&both, SIGUSR2);
	sigaction(SIGUSR1, &first, NULL);
	sigaction(SIGUSR2, &second, NULL);
	sigprocmask(SIG_BLOCK, &both, NULL);
	CHECK(pthread_create(&thread, NULL, take_seconds, NULL) == 0);
	sigprocmask(SIG_UNBLOCK, &both, NULL);
	nanosleep(&brief, NULL);
	pid_t child = vfork();
	if (child == 0) {
		kill(getppid(), SIGUSR1);
		kill(getppid(), SIGUSR2);
		_exit(0);
	}
	CHECK(second_in_time);
	CHECK(waitpid(child, NULL, 0) == child && pthread_join(thread, NULL) == 0);
}

/* A timer that ticks on: its first tick may come before the wait. */
static void tick(long us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void alarm_interrupts_pause(void)
{
	struct itimerval timer = { .it_value = { 0, 20000 } }, left;
	handle(SIGALRM, counting, SA_RESTART);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (!count) {
		usleep(1000);
	}
	CHECK(count == 1);
	CHECK(alarm(1000) == 0);
	CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec >= 800 && left.it_value.tv_sec <= 1000);
	CHECK(alarm(0) >= 800);
	handle(SIGALRM, counting, SA_RESTART);
	tick(20000);
	CHECK(pause() == -1 && errno == EINTR && count >= 1);
	while (count < 4) {
		pause();
	}
	tick(0);
}

static void nanosleep_tells_what_is_left(void)
{
	struct timespec wanted = { 1000, 0 }, left = { 0, 0 };
	handle(SIGALRM, counting, SA_RESTART);
	tick(20000);
	int result = nanosleep(&wanted, &left), error = errno;
	tick(0);
	CHECK(result == -1 && error == EINTR);
	CHECK(left.tv_sec >= 800 && left.tv_sec < 1000);
}

/* It has to sleep when it is stopped: where the host was too slow for that, it sleeps longer. */
static void a_stop_does_not_end_a_sleep(void)
{
	int status = 0;
	bool stopped = false;
	for (long ms = 300; !stopped && ms < 100000; ms *= 4) {
		pid_t pid = fork();
		if (pid == 0) {
			struct timespec wanted = { ms / 1000, ms % 1000 * 1000000 };
			_exit(nanosleep(&wanted, NULL) == 0 ? 0 : 1);
		}
		until_asleep(pid);
		kill(pid, SIGSTOP);
		CHECK(waitpid(pid, &status, WUNTRACED) == pid);
		stopped = WIFSTOPPED(status);
		kill(pid, SIGCONT);
		CHECK(!stopped || waitpid(pid, &status, 0) == pid);
	}
	CHECK(stopped && status == 0);
}

static void bad_arguments_are_refused(void)
{
	CHECK(kill(getpid(), 99) == -1 && errno == EINVAL);
	CHECK(kill(999999, 0) == -1 && errno == ESRCH);
	CHECK(signal(SIGKILL, SIG_IGN) == SIG_ERR && errno == EINVAL);
	CHECK(kill(getpid(), 0) == 0);
}

int main(void)
{
	RUN(a_handler_runs_and_returns);
	RUN(blocked_signals_wait);
	RUN(the_handlers_mask_holds_while_it_runs);
	RUN(resethand_works_once);
	RUN(kill_tells_who_sent_it);
	RUN(sigchld_tells_what_happened);
	RUN(a_read_restarts_if_asked_to);
	RUN(faults_name_the_address);
	RUN(uncaught_faults_kill);
	RUN(handlers_run_on_the_alternate_stack);
	RUN(vector_registers_survive_a_handler);
	RUN(a_handler_may_change_the_context);
	RUN(sigsuspend_waits_with_another_mask);
	RUN(sigtimedwait_takes_and_times_out);
	RUN(real_time_signals_queue);
	RUN(each_waiting_thread_takes_one);
	RUN(what_one_thread_blocks_another_takes);
	RUN(alarm_interrupts_pause);
	RUN(nanosleep_tells_what_is_left);
	RUN(a_stop_does_not_end_a_sleep);
	RUN(bad_arguments_are_refused);
	return check_failures;
}
