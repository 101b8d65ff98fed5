/* SPDX-License-Identifier: MIT */
/* Memory: mapping and its limits, protection, remapping, brk, advice, what a fault brings. On any file system. */
#include "calls.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf after_fault;
static int fault_signal, fault_code, fault_offset;
static char *fault_base;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	fault_signal = signal;
	fault_code = info->si_code;
	fault_offset = (int)((char *)info->si_addr - fault_base);
	siglongjmp(after_fault, 1);
}

/* Reads or writes *at, and prints the signal that comes of it with its code, and the fault's distance from the access. */
static void touch(const char *name, volatile char *at, bool write)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	fault_base = (char *)at;
	if (sigsetjmp(after_fault, 1) == 0) {
		if (write) {
			*at = 1;
		} else {
			(void)*at;
		}
		calls_line("touch", name, "fine");
	} else {
		calls_line("touch", name, "signal %d code %d at %d", fault_signal, fault_code, fault_offset);
	}
}

static void mapping(void)
{
	make_file("file", "0123456789");
	int fd = open("file", O_RDWR), reader = open("file", O_RDONLY), writer = open("file", O_WRONLY), ends[2];
	pipe(ends);
	DONE(mmap(NULL, 0, RW, ANONYMOUS, -1, 0));
	DONE(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	DONE(mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0));
	DONE(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 100));
	DONE((void *)syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, fd, 100ul));
	DONE(mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0));
	DONE(mmap(NULL, PAGE, RW, MAP_PRIVATE, reader, 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, writer, 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writer, 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0));
	DONE(mmap(NULL, 1ul << 47, RW, ANONYMOUS | MAP_NORESERVE, -1, 0));
	DONE(mmap(NULL, -4096ul, RW, ANONYMOUS, -1, 0));
	DONE((void *)syscall(SYS_mmap, NULL, -1ul, RW, ANONYMOUS, -1, 0));
	DONE(mmap((void *)123, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
	DONE(mmap((void *)(1ul << 47), PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
	DONE(mmap((void *)(1ul << 63), PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
	char *at = DONE(mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0));
	IS(((uintptr_t)at & (PAGE - 1)) == 0);
	IS(mmap(at + PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == at + PAGE);
	DONE(mmap(at, PAGE, RW, ANONYMOUS | 0x100000, -1, 0));
	munmap(at, PAGE);
	IS(mmap(at, PAGE, RW, ANONYMOUS | 0x100000, -1, 0) == at);
	IS(mmap(at + 1, PAGE, RW, ANONYMOUS, -1, 0) != at);
	DONE(mmap(NULL, PAGE, PROT_NONE, ANONYMOUS | MAP_STACK | MAP_GROWSDOWN | MAP_NORESERVE | MAP_POPULATE, -1, 0));
	DONE(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, 99, 0));
	DONE(mmap(NULL, PAGE, RW, 0x03 | MAP_ANONYMOUS, -1, 0));
	DONE(mmap(NULL, PAGE, PROT_READ, 0x03, fd, 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1l << 40));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open("/dev/zero", O_RDONLY), 0));
	DONE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open("/dev/null", O_RDONLY), 0));
}

static void unmapping(void)
{
	char *at = mmap(NULL, 8 * PAGE, RW, ANONYMOUS, -1, 0);
	CALL(munmap(at + 1, PAGE));
	CALL(munmap(at, 0));
	CALL(munmap(at, -1ul));
	CALL(munmap(at + 2 * PAGE, 1));
	CALL(munmap(at + 2 * PAGE, PAGE));
	CALL(munmap(KERNELS, PAGE));
	CALL(munmap((void *)(1ul << 46), PAGE));
	touch("hole", at + 2 * PAGE, false);
	touch("before the hole", at + PAGE, true);
	touch("after the hole", at + 3 * PAGE, true);
	CALL(munmap(at, 8 * PAGE));
	touch("gone", at, false);
}

static void protection(void)
{
	char *at = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
	at[0] = 'x';
	CALL(mprotect(at, PAGE, PROT_READ));
	touch("read of a read-only page", at, false);
	touch("write to a read-only page", at, true);
	CALL(mprotect(at, PAGE, PROT_NONE));
	touch("read of a page of none", at, false);
	CALL(mprotect(at, PAGE, RW));
	SHOW("content", "%c", at[0]);
	CALL(mprotect(at, PAGE, PROT_WRITE));
	touch("read of a write-only page", at, false);
	CALL(mprotect(at + 1, PAGE, PROT_READ));
	CALL(mprotect(at, 0, PROT_READ));
	CALL(mprotect(at, PAGE, 0x1000));
	CALL(mprotect(at, 1, PROT_READ));
	touch("all of a page", at + PAGE - 1, true);
	munmap(at + 2 * PAGE, PAGE);
	CALL(mprotect(at, 4 * PAGE, PROT_READ));
	touch("before the hole it was done", at + PAGE, true);
	touch("after the hole it was not", at + 3 * PAGE, true);
	CALL(mprotect(NOWHERE, PAGE, PROT_READ));
	CALL(mprotect(NULL, PAGE, PROT_READ));
	CALL(mprotect(KERNELS, PAGE, PROT_READ));
	CALL(mprotect(at, -1ul, PROT_READ));
	touch("kernel address", KERNELS, false);
	touch("null", NULL, true);
	make_file("file", "x");
	char *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open("file", O_RDONLY), 0);
	CALL(mprotect(file, PAGE, RW));
	CALL(mprotect(file, PAGE, PROT_READ | PROT_EXEC));
	char *code = mmap(NULL, PAGE, RW, ANONYMOUS, -1, 0);
	code[0] = (char)0xc3;
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	fault_base = code;
	if (sigsetjmp(after_fault, 1) == 0) {
		((void (*)(void))code)();
		SHOW("a jump to data", "fine");
	} else {
		SHOW("a jump to data", "signal %d code %d at %d", fault_signal, fault_code, fault_offset);
	}
	CALL(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
	((void (*)(void))code)();
	SHOW("a jump to code", "fine");
}

static void files_in_memory(void)
{
	char text[8] = "";
	make_file("file", "0123456789");
	int fd = open("file", O_RDWR);
	char *shared = DONE(mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
	char *private = DONE(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	SHOW("both", "%.3s %.3s", shared, private);
	shared[0] = 'S';
	private[1] = 'P';
	pread(fd, text, 3, 0);
	SHOW("file, shared, private", "%.3s %.3s %.3s", text, shared, private);
	pwrite(fd, "wwww", 4, 0);
	SHOW("shared and private after a write", "%.3s %.1s", shared, private + 1);
	SHOW("behind the end in the last page", "%d", shared[100]);
	touch("behind the last page", shared + PAGE, false);
	CALL(ftruncate(fd, 0));
	touch("after the file was cut", shared, true);
	touch("private, after the file was cut", private, false);
	CALL(ftruncate(fd, 2 * PAGE));
	touch("after it has grown", shared + PAGE, true);
	CALL(msync(shared, 2 * PAGE, MS_SYNC));
	CALL(msync(shared, 2 * PAGE, MS_ASYNC | MS_INVALIDATE));
	CALL(msync(shared, 2 * PAGE, MS_SYNC | MS_ASYNC));
	CALL(msync(shared, 2 * PAGE, 8));
	CALL(msync(shared + 1, PAGE, MS_SYNC));
	CALL(msync(shared, 0, MS_SYNC));
	munmap(shared + PAGE, PAGE);
	CALL(msync(shared, 2 * PAGE, MS_SYNC));
	close(fd);
	unlink("file");
	touch("of a closed and removed file", shared, true);
}

static void remapping(void)
{
	char *at = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0), *other = mmap(NULL, 8 * PAGE, RW, ANONYMOUS, -1, 0);
	strcpy(at, "content");
	IS(mremap(at, 4 * PAGE, 2 * PAGE, 0) == at);
	touch("what was cut off", at + 2 * PAGE, false);
	IS(mremap(at, 2 * PAGE, 4 * PAGE, 0) == at);
	touch("what was added", at + 3 * PAGE, true);
	mmap(at + 4 * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
	mprotect(at + 4 * PAGE, PAGE, PROT_READ);
	DONE(mremap(at, 4 * PAGE, 6 * PAGE, 0));
	char *moved = DONE(mremap(at, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE));
	IS(moved != at);
	SHOW("content", "%s", moved);
	touch("where it was", at, false);
	IS(mremap(moved, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
	SHOW("content", "%s", other);
	DONE(mremap(other, 6 * PAGE, 6 * PAGE, MREMAP_FIXED, at));
	DONE(mremap(other, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other + PAGE));
	DONE(mremap(other, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + 1));
	DONE(mremap(other + 1, PAGE, PAGE, 0));
	DONE(mremap(other, PAGE, 0, 0));
	DONE(mremap(other, PAGE, PAGE, 8));
	DONE(mremap((void *)(1ul << 46), PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	DONE(mremap(other, 0, PAGE, MREMAP_MAYMOVE));
	char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *twice = DONE(mremap(shared, 0, PAGE, MREMAP_MAYMOVE));
	shared[5] = 's';
	SHOW("the same page twice", "%d", twice != MAP_FAILED && twice[5] == 's');
}

static void program_break(void)
{
	char *start = (char *)syscall(SYS_brk, 0);
	IS((char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
	touch("new heap", start + 2 * PAGE, true);
	IS((char *)syscall(SYS_brk, start + 5) == start + 5);
	IS((char *)syscall(SYS_brk, 0) == start + 5);
	IS((char *)syscall(SYS_brk, 1) == start + 5);
	IS((char *)syscall(SYS_brk, KERNELS) == start + 5);
	touch("given back", start + 2 * PAGE, true);
	IS((char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
	SHOW("zero again", "%d", start[2 * PAGE]);
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };
	CALL(setrlimit(RLIMIT_DATA, &limit));
	IS((char *)syscall(SYS_brk, start + (64 << 20)) == start + (64 << 20));
}

static void advice(void)
{
	unsigned char in[4];
	char *at = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0), *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	at[0] = 'x';
	shared[0] = 'y';
	CALL(madvise(at, PAGE, MADV_DONTNEED));
	SHOW("after MADV_DONTNEED", "%d", at[0]);
	CALL(madvise(shared, PAGE, MADV_DONTNEED));
	SHOW("shared after MADV_DONTNEED", "%c", shared[0]);
	CALL(madvise(at, PAGE, MADV_WILLNEED));
	CALL(madvise(at, PAGE, MADV_SEQUENTIAL));
	CALL(madvise(at, PAGE, MADV_RANDOM));
	CALL(madvise(at, PAGE, MADV_FREE));
	CALL(madvise(shared, PAGE, MADV_FREE));
	CALL(madvise(at, PAGE, 9999));
	CALL(madvise(at + 1, PAGE, MADV_NORMAL));
	CALL(madvise(at, 0, MADV_NORMAL));
	CALL(madvise(at, -1ul, MADV_NORMAL));
	munmap(at + PAGE, PAGE);
	CALL(madvise(at, 3 * PAGE, MADV_DONTNEED));
	CALL(madvise((void *)(1ul << 46), PAGE, MADV_NORMAL));
	at[0] = 1;
	CALL(mincore(at, PAGE, in));
	SHOW("in core", "%d", in[0] & 1);
	CALL(mincore(at + 2 * PAGE, PAGE, in));
	SHOW("in core untouched", "%d", in[0] & 1);
	CALL(mincore(at, 3 * PAGE, in));
	CALL(mincore(at + 1, PAGE, in));
	CALL(mincore(at, PAGE, NOWHERE));
	CALL(mincore(at, 0, in));
}

static void locking(void)
{
	char *at = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
	CALL(mlock(at, PAGE));
	CALL(mlock(at + 1, 1));
	CALL(munlock(at, PAGE));
	CALL(mlock((void *)(1ul << 46), PAGE));
	CALL(munlock((void *)(1ul << 46), PAGE));
	CALL(mlock(at, -1ul - PAGE));
	CALL(mlockall(0));
	CALL(mlockall(8));
	CALL(munlockall());
}

static void shared_over_fork(void)
{
	char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *private = mmap(NULL, PAGE, RW, ANONYMOUS, -1, 0);
	shared[0] = private[0] = 'a';
	if (fork() == 0) {
		shared[0] = private[0] = 'b';
		_exit(0);
	}
	wait(NULL);
	SHOW("shared and private", "%c %c", shared[0], private[0]);
	if (fork() == 0) {
		munmap(shared, PAGE);
		_exit(shared == NULL);
	}
	wait(NULL);
	SHOW("after the child unmapped it", "%c", shared[0]);
}

static int overflows_to(int depth)
{
	volatile char deep[256 << 10];
	deep[0] = deep[sizeof(deep) - 1] = 1;
	return depth ? overflows_to(depth - 1) + deep[0] : 0;
}

static void overflows(void)
{
	overflows_to(1000);
}

static void deep_stack(void)
{
	volatile char deep[4 << 20];
	for (size_t i = sizeof(deep); i > 0; i -= PAGE) {
		deep[i - 1] = 1;
	}
}

static void small_stack(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	setrlimit(RLIMIT_STACK, &limit);
	deep_stack();
}

static void little_space(void)
{
	struct rlimit limit = { 64 << 20, 64 << 20 };
	setrlimit(RLIMIT_AS, &limit);
	_exit(mmap(NULL, 128 << 20, RW, ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0);
}

static void limits(void)
{
	CALL(child_status(deep_stack));
	CALL(child_status(overflows));
	CALL(child_status(small_stack));
	CALL(child_status(little_space));
}

/* Where shm_open makes its files. */
static void shared_files(void)
{
	struct stat st;
	char name[64];
	snprintf(name, sizeof(name), "/dev/shm/calls.%d", getpid());
	CALL(stat("/dev/shm", &st));
	SHOW("mode", "%o", st.st_mode);
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	IS(fd >= 0);
	CALL(ftruncate(fd, PAGE));
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fork() == 0) {
		p[1] = 7;
		_exit(0);
	}
	wait(NULL);
	SHOW("what the child wrote", "%d", p[1]);
	CALL(unlink(name));
}

int main(void)
{
	calls_begin();
	RUN(mapping);
	RUN(unmapping);
	RUN(protection);
	RUN(files_in_memory);
	RUN(remapping);
	RUN(program_break);
	RUN(advice);
	RUN(locking);
	RUN(shared_over_fork);
	RUN(limits);
	RUN(shared_files);
	return 0;
}
