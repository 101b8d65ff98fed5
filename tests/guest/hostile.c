/* SPDX-License-Identifier: MIT */
/*
 * What a program can do to the processor's state that the kernel then finds: it may end the program, never the kernel. So each attempt is a
 * child's, of which only is asked that it is over. Random ones come from a fixed seed.
 */
#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "check.h"

#define ROUNDS 60
#define DEBUG_AT 848 /* struct user's u_debugreg */
#define XSTATE_HEADER 512

static uint64_t state;

static uint64_t random_next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t edge(void)
{
	static const uint64_t edges[] = { 0, 1, 0xfff, 0x7fffffffe000, 0x7fffffffefff, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000,
		0xffff800000000000, 0xffffffff80200000, 0x8000000000000000, ~0ull };
	return random_next() % 3 ? edges[random_next() % (sizeof(edges) / sizeof(*edges))] : random_next();
}

/* A child that does this and ends, sooner or later. */
static void attempt(void (*what)(void), uint64_t seed)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		state = seed * 0x9e3779b97f4a7c15ull + 1;
		alarm(1);
		what();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
}

/* ---- a 32-bit code segment ---- */
#define CODE_AT 0x200000
#define CODE32_SELECTOR 0x23 /* Linux's */

static const uint8_t *code32;

static void run_code32(void)
{
	static struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) target = { CODE_AT, CODE32_SELECTOR };
	memcpy((void *)CODE_AT, code32, 4);
	__asm__ volatile("mov %0, %%rsp; mov $20, %%eax; ljmp *(%%rbx)" : : "r"(CODE_AT + 0x1ff0ul), "b"(&target) : "memory", "rax");
}

static void code_of_32_bits(void)
{
	static const uint8_t codes[][4] = { { 0x0f, 0x05, 0x0f, 0x0b }, { 0x0f, 0x34, 0x0f, 0x0b }, { 0xcd, 0x80, 0x0f, 0x0b }, { 0xcc, 0x0f, 0x0b },
		{ 0xf1, 0x0f, 0x0b } }; /* SYSCALL, SYSENTER, INT 80h, INT3, ICEBP; UD2 behind each */
	void *at = mmap((void *)CODE_AT, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(at != MAP_FAILED);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		code32 = codes[i];
		attempt(run_code32, i);
	}
}

/* ---- flags ---- */
static void run_flags(void)
{
	signal(SIGTRAP, SIG_IGN);
	__asm__ volatile("push %0; popf; mov $39, %%eax; syscall; syscall; movl $0, 0x10" : : "r"(random_next() & 0x3f7fff) :
			 "rax", "rcx", "r11", "memory", "cc");
}

static void flags(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		attempt(run_flags, i);
	}
}

/* ---- what a signal handler leaves in its frame ---- */
static void spoil(int signal, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	uint8_t *vectors = (uint8_t *)u->uc_mcontext.fpregs;
	for (int i = 0; i < 23; i++) {
		u->uc_mcontext.gregs[i] = random_next() % 4 ? u->uc_mcontext.gregs[i] : (long)edge();
	}
	for (int i = random_next() % 2 ? 100 : 0; i > 0; i--) {
		vectors[random_next() % (XSTATE_HEADER + 64)] = (uint8_t)random_next();
	}
	if (random_next() % 4 == 0) {
		u->uc_mcontext.fpregs = (void *)edge();
	}
}

static void run_spoilt_frames(void)
{
	struct sigaction action = { .sa_sigaction = spoil, .sa_flags = SA_SIGINFO };
	stack_t stack = { .ss_sp = (void *)edge(), .ss_size = edge() };
	sigaction(SIGUSR1, &action, NULL);
	if (random_next() % 2) {
		sigaltstack(&stack, NULL);
	}
	for (int i = 0; i < 4; i++) {
		raise(SIGUSR1);
	}
}

static void frames_of_signals(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		attempt(run_spoilt_frames, i);
	}
}

/* ---- what a tracer sets ---- */
static void trace_some(pid_t child)
{
	static const int ways[] = { PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP };
	union {
		struct user_regs_struct named;
		uint64_t words[27];
	} registers;
	uint8_t vectors[4096] = { 0 };
	struct iovec set = { vectors, sizeof(vectors) };
	ptrace(PTRACE_GETREGS, child, NULL, &registers);
	for (int i = 0; i < 27; i++) {
		registers.words[i] = random_next() % 4 ? registers.words[i] : edge();
	}
	ptrace(random_next() % 2 ? PTRACE_SETREGS : PTRACE_GETREGS, child, NULL, &registers);
	ptrace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &set);
	for (int i = 0; i < 60; i++) {
		vectors[random_next() % (XSTATE_HEADER + 64)] = (uint8_t)random_next();
	}
	ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &set);
	for (int i = 0; i < 8; i++) {
		ptrace(PTRACE_POKEUSER, child, (void *)(DEBUG_AT + 8ul * (unsigned)i), (void *)edge());
	}
	ptrace(PTRACE_POKEUSER, child, (void *)(random_next() % 912 & ~7ull), (void *)edge());
	ptrace(ways[random_next() % 3], child, NULL, (void *)(random_next() % 8 ? 0 : random_next() % 65));
}

static void run_tracer(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		volatile double d = 1;
		for (int i = 0; i < 100; i++) {
			d *= 1.5;
			getppid();
		}
		_exit(0);
	}
	for (int i = 0; i < 4 && waitpid(child, &status, __WALL) == child && WIFSTOPPED(status); i++) {
		trace_some(child);
		kill(child, SIGSTOP);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, __WALL);
}

static void registers_of_a_tracer(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		attempt(run_tracer, i);
	}
}

/* ---- a watched place that is touched where nothing may interrupt (MOV SS), and then by the kernel ---- */
static volatile uint16_t stack_segment;

static void run_masked(unsigned way)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (int i = 0; i < 5; i++) {
		switch (way) {
		case 0:
			__asm__ volatile("mov $39, %%eax; mov %0, %%ss; syscall" : : "m"(stack_segment) : "rax", "rcx", "r11", "memory");
			break;
		case 1:
			__asm__ volatile("mov %0, %%ss; int3" : : "m"(stack_segment) : "memory");
			break;
		case 2:
			__asm__ volatile("mov %0, %%ss; int $0x80" : : "m"(stack_segment) : "memory", "rax");
			break;
		default:
			__asm__ volatile("mov %0, %%ss; ud2" : : "m"(stack_segment) : "memory");
		}
	}
	_exit(0);
}

static void watched_behind_a_mask(void)
{
	__asm__ volatile("mov %%ss, %0" : "=m"(stack_segment));
	for (unsigned way = 0; way < 4; way++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			run_masked(way);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(ptrace(PTRACE_POKEUSER, child, (void *)DEBUG_AT, (void *)&stack_segment) == 0);
		CHECK(ptrace(PTRACE_POKEUSER, child, (void *)(DEBUG_AT + 56ul), (void *)(3ul << 16 | 1ul << 18 | 1)) == 0);
		for (int i = 0; i < 30 && WIFSTOPPED(status); i++) {
			ptrace(PTRACE_CONT, child, NULL, NULL);
			CHECK(waitpid(child, &status, 0) == child);
		}
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
}

/* ---- what a tracer has set is its thread's, and ends with its program ---- */
static volatile uint64_t watched = 5;

static uint64_t gs_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(value));
	return value;
}

/* Stopped, with the base of GS where `watched` is. 0: it did not work. */
static pid_t child_with_base(void (*then)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		then();
		_exit(0);
	}
	bool good = waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
		    ptrace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, gs_base), (void *)&watched) == 0;
	return good ? child : 0;
}

static void give_up_base(void)
{
	for (int i = 0; i < 200; i++) {
		__asm__ volatile("mov %0, %%gs" : : "r"(0x2b));
		sched_yield();
	}
}

static void read_base(void)
{
	for (int i = 0; i < 200; i++) {
		if (gs_read() != watched) {
			_exit(1);
		}
		sched_yield();
	}
}

static void bases_of_two(void)
{
	unsigned long one = 1;
	int status;
	pid_t spoils = child_with_base(give_up_base), reads = child_with_base(read_base);
	CHECK(spoils && reads);
	CHECK(syscall(SYS_sched_setaffinity, spoils, sizeof(one), &one) == 0 && syscall(SYS_sched_setaffinity, reads, sizeof(one), &one) == 0);
	CHECK(ptrace(PTRACE_DETACH, spoils, NULL, NULL) == 0 && ptrace(PTRACE_DETACH, reads, NULL, NULL) == 0);
	CHECK(waitpid(reads, &status, 0) == reads && status == 0);
	CHECK(waitpid(spoils, &status, 0) == spoils && status == 0);
}

static void become_another(void)
{
	execl("/proc/self/exe", "hostile", "after exec", NULL);
}

static void base_is_gone(int signal)
{
	_exit(0);
}

/* The program that was executed: nothing stops it at `watched`, and GS leads nowhere. */
static int after_exec(void)
{
	watched++;
	signal(SIGSEGV, base_is_gone);
	gs_read();
	return 1;
}

static void registers_after_exec(void)
{
	int status;
	pid_t child = child_with_base(become_another);
	CHECK(child);
	CHECK(ptrace(PTRACE_POKEUSER, child, (void *)DEBUG_AT, (void *)&watched) == 0);
	CHECK(ptrace(PTRACE_POKEUSER, child, (void *)(DEBUG_AT + 56ul), (void *)(3ul << 16 | 3ul << 18 | 1)) == 0);
	CHECK(ptrace(PTRACE_DETACH, child, NULL, NULL) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- what is the program's own comes back from a handler as it was ---- */
static void nothing(int signal)
{
}

static void rounding_flags(void)
{
	uint32_t wanted = 0x9fc0, now; /* flush to zero, denormals are zeros */
	signal(SIGUSR1, nothing);
	__asm__ volatile("ldmxcsr %0" : : "m"(wanted));
	raise(SIGUSR1);
	__asm__ volatile("stmxcsr %0" : "=m"(now));
	CHECK(now == wanted);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		return after_exec();
	}
	RUN(code_of_32_bits);
	RUN(flags);
	RUN(frames_of_signals);
	RUN(registers_of_a_tracer);
	RUN(watched_behind_a_mask);
	RUN(bases_of_two);
	RUN(registers_after_exec);
	RUN(rounding_flags);
	return check_failures;
}
