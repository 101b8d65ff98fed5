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
	if (calls_with("root")) {
		CALL(mlock(at, -1ul - PAGE));
	}
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

/* Ends with the error of a mapping, or 0, under a limit. */
static int map_under(int which, rlim_t limit, size_t bytes, int prot, int flags)
{
	struct rlimit both = { limit, limit };
	setrlimit(which, &both);
	return mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0) == MAP_FAILED ? errno : 0;
}

static void data_read_only(void)
{
	_exit(map_under(RLIMIT_DATA, 16 << 20, 32 << 20, PROT_READ, 0));
}

static void data_writable(void)
{
	_exit(map_under(RLIMIT_DATA, 16 << 20, 32 << 20, RW, 0));
}

static void data_made_writable(void)
{
	map_under(RLIMIT_DATA, 16 << 20, PAGE, PROT_READ, 0);
	char *at = mmap(NULL, 32 << 20, PROT_READ, ANONYMOUS, -1, 0);
	_exit(mprotect(at, 32 << 20, RW) ? errno : 0);
}

static void space_for_remap(void)
{
	map_under(RLIMIT_AS, 64 << 20, PAGE, PROT_READ, 0);
	char *at = mmap(NULL, 16 << 20, PROT_READ, ANONYMOUS, -1, 0);
	_exit(mremap(at, 16 << 20, 128 << 20, MREMAP_MAYMOVE) == MAP_FAILED ? errno : 0);
}

static void space_over_itself(void)
{
	map_under(RLIMIT_AS, 96 << 20, PAGE, PROT_READ, 0);
	char *at = mmap(NULL, 64 << 20, PROT_READ, ANONYMOUS, -1, 0);
	_exit(mmap(at, 64 << 20, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? errno : 0);
}

static void space_for_the_heap(void)
{
	map_under(RLIMIT_AS, 64 << 20, PAGE, PROT_READ, 0);
	char *start = (char *)syscall(SYS_brk, 0);
	_exit((char *)syscall(SYS_brk, start + (128 << 20)) == start);
}

static void stack_after_the_limit_rose(void)
{
	struct rlimit limit = { 32 << 20, RLIM_INFINITY };
	setrlimit(RLIMIT_STACK, &limit);
	overflows_to(80); /* 20 MiB */
}

static void limits_of_kinds(void)
{
	CALL(child_status(data_read_only));
	CALL(child_status(data_writable));
	CALL(child_status(data_made_writable));
	CALL(child_status(space_for_remap));
	CALL(child_status(space_over_itself));
	CALL(child_status(space_for_the_heap));
	CALL(child_status(stack_after_the_limit_rose));
}

static void locked_pages(rlim_t limit, bool privileged)
{
	struct rlimit both = { limit, limit };
	char *at = mmap(NULL, 64 * PAGE, RW, ANONYMOUS, -1, 0), *none = mmap(NULL, PAGE, PROT_NONE, ANONYMOUS, -1, 0);
	setrlimit(RLIMIT_MEMLOCK, &both);
	if (!privileged && setresuid(65534, 65534, 65534) != 0) {
		_exit(97);
	}
	CALL(mlock(at, 4 * PAGE));
	CALL(mlock(at, 4 * PAGE));
	CALL(mlock(at + 2 * PAGE, 10 * PAGE));
	CALL(mlock(at + 12 * PAGE, 30 * PAGE));
	CALL(madvise(at, PAGE, MADV_DONTNEED));
	CALL(madvise(at, PAGE, MADV_FREE));
	CALL(munlock(at, 64 * PAGE));
	CALL(mlock(at + 12 * PAGE, 10 * PAGE));
	CALL(madvise(at, PAGE, MADV_DONTNEED));
	CALL(munlock(at, 64 * PAGE));
	CALL(mlock(none, PAGE));
	CALL(munlock(none, PAGE));
	CALL(syscall(SYS_mlock2, at, PAGE, 1));
	CALL(syscall(SYS_mlock2, at, PAGE, 2));
	CALL(munlock(at, PAGE));
	DONE(mmap(NULL, 4 * PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0));
	DONE(mmap(NULL, 64 * PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0));
	CALL(mlockall(MCL_FUTURE));
	DONE(mmap(NULL, 64 * PAGE, RW, ANONYMOUS, -1, 0));
	CALL(mlockall(MCL_CURRENT));
	CALL(mlockall(4));
	CALL(munlockall());
	DONE(mmap(NULL, 64 * PAGE, RW, ANONYMOUS, -1, 0));
}

static void locking_unlimited(void)
{
	locked_pages(16 * PAGE, true);
}

static void locking_limited(void)
{
	locked_pages(16 * PAGE, false);
}

static void locking_forbidden(void)
{
	locked_pages(0, false);
}

static void in_another_place(void)
{
	char *at = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
	strcpy(at + PAGE, "content");
	char *moved = DONE(mremap(at, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | 4));
	IS(moved != at);
	SHOW("moved", "%s", moved + PAGE);
	SHOW("left", "%d", at[PAGE]);
	DONE(mremap(at, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | 4));
	DONE(mremap(at, 4 * PAGE, 4 * PAGE, 4));
	char *there = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
	IS(mremap(moved, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | 4, there) == there);
	SHOW("moved again", "%s", there + PAGE);
	touch("left again", moved + PAGE, true);
	make_file("file", "0123456789");
	char *file = mmap(NULL, PAGE, RW, MAP_SHARED, open("file", O_RDWR), 0);
	char *second = DONE(mremap(file, 0, PAGE, MREMAP_MAYMOVE));
	second[3] = 'x';
	SHOW("file through the first", "%.5s", file);
	DONE(mremap(file, 0, PAGE, 0));
	char *third = DONE(mremap(file, PAGE, PAGE, MREMAP_MAYMOVE | 4));
	SHOW("file through the moved and the left", "%.5s %.5s", third, file);
	char *private = mmap(NULL, PAGE, RW, MAP_PRIVATE, open("file", O_RDWR), 0);
	private[0] = 'P';
	char *copy = DONE(mremap(private, PAGE, PAGE, MREMAP_MAYMOVE | 4));
	SHOW("a private page and what is below it", "%.5s %.5s", copy, private);
	IS(mremap(copy, PAGE, PAGE, 0) == copy);
	char *many = mmap(NULL, 6 * PAGE, RW, ANONYMOUS, -1, 0);
	mprotect(many + 3 * PAGE, PAGE, PROT_READ);
	DONE(mremap(many, 6 * PAGE, 8 * PAGE, MREMAP_MAYMOVE));
	IS(mremap(many, 6 * PAGE, 2 * PAGE, MREMAP_MAYMOVE) == many);
	DONE(mmap(NULL, 4 << 20, RW, ANONYMOUS | MAP_HUGETLB, -1, 0));
	DONE(mmap(NULL, 4096, RW, 0x03, open("file", O_RDWR), 0));
	char *zero = mmap(NULL, PAGE, RW, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0);
	touch("private /dev/zero", zero, true);
}

/* What advice a child sees of its parent's pages. */
static void advice_for_children(void)
{
	char *at = mmap(NULL, 3 * PAGE, RW, ANONYMOUS, -1, 0), *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	at[0] = at[PAGE] = at[2 * PAGE] = 'a';
	CALL(madvise(at, PAGE, 18 /* MADV_WIPEONFORK */));
	CALL(madvise(at + PAGE, PAGE, 10 /* MADV_DONTFORK */));
	CALL(madvise(shared, PAGE, 18));
	if (fork() == 0) {
		SHOW("wiped", "%d", at[0]);
		touch("not there", at + PAGE, false);
		SHOW("as it was", "%c", at[2 * PAGE]);
		_exit(0);
	}
	wait(NULL);
	CALL(madvise(at, PAGE, 19));
	CALL(madvise(at + PAGE, PAGE, 11));
	if (fork() == 0) {
		SHOW("all there", "%c %c %c", at[0], at[PAGE], at[2 * PAGE]);
		_exit(0);
	}
	wait(NULL);
	CALL(madvise(at, 3 * PAGE, 20 /* MADV_COLD */));
	CALL(madvise(at, 3 * PAGE, 21 /* MADV_PAGEOUT */));
	CALL(madvise(at, 3 * PAGE, MADV_FREE));
	CALL(madvise(at, 3 * PAGE, 16));
	CALL(madvise(at, 3 * PAGE, 17));
	CALL(madvise(at, 3 * PAGE, MADV_REMOVE));
	CALL(madvise(at, 3 * PAGE, 7));
	munmap(at + PAGE, PAGE);
	CALL(madvise(at, 3 * PAGE, 18));
	CALL(madvise(at, 3 * PAGE, 20));
}

static void populating(void)
{
	unsigned char in[4] = { 0 };
	char *at = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0), *fixed = mmap(NULL, 4 * PAGE, PROT_READ, ANONYMOUS, -1, 0);
	CALL(madvise(at, 2 * PAGE, 23 /* MADV_POPULATE_WRITE */));
	CALL(mincore(at, 4 * PAGE, in));
	SHOW("in core", "%d %d", in[0] & 1, in[1] & 1);
	CALL(madvise(fixed, 4 * PAGE, 23));
	CALL(madvise(fixed, 4 * PAGE, 22 /* MADV_POPULATE_READ */));
	munmap(at + PAGE, PAGE);
	CALL(madvise(at, 4 * PAGE, 22));
	mprotect(fixed, PAGE, PROT_NONE);
	CALL(madvise(fixed, 4 * PAGE, 22));
	make_file("file", "0123456789");
	char *file = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, open("file", O_RDWR), 0);
	CALL(madvise(file, PAGE, 23));
	CALL(madvise(file, 2 * PAGE, 22));
	char *now = mmap(NULL, 4 * PAGE, RW, ANONYMOUS | MAP_POPULATE, -1, 0);
	CALL(mincore(now, 4 * PAGE, in));
	SHOW("in core", "%d %d", in[0] & 1, in[3] & 1);
}

/* A mapping that grows down, from `distance` pages above another one. */
static void grows_towards(int distance, int prot)
{
	char *room = mmap(NULL, 1024 * PAGE, PROT_NONE, ANONYMOUS, -1, 0);
	munmap(room, 1024 * PAGE);
	mmap(room, PAGE, prot, ANONYMOUS | MAP_FIXED, -1, 0);
	char *stack = mmap(room + (distance + 1) * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	touch("itself", stack, true);
	touch("a page below", stack - PAGE, true);
	touch("two pages below", stack - 2 * PAGE, true);
	munmap(room, 1024 * PAGE);
}

static void guard_gap(void)
{
	grows_towards(300, RW);
	grows_towards(257, RW);
	grows_towards(256, RW);
	grows_towards(100, RW);
	grows_towards(100, PROT_NONE);
}

/* Files without a name, and what seals refuse. */
static void seals(void)
{
	char text[2 * PAGE] = "0123456789", long_name[256];
	memset(long_name, 'n', sizeof(long_name));
	long_name[255] = 0;
	CALL(syscall(SYS_memfd_create, NOWHERE, 0) < 0);
	CALL(syscall(SYS_memfd_create, long_name, 0));
	CALL(syscall(SYS_memfd_create, "x", 0x40000000));
	int plain = (int)syscall(SYS_memfd_create, "plain", 1), fd = (int)syscall(SYS_memfd_create, "sealed", 2);
	struct stat st;
	fstat(fd, &st);
	SHOW("mode, links, size", "%o %d %d", st.st_mode, (int)st.st_nlink, (int)st.st_size);
	CALL(fcntl(plain, F_GETFD));
	CALL(fcntl(plain, 1034));
	CALL(fcntl(plain, 1033, 2));
	CALL(fcntl(fd, 1034));
	CALL(write(fd, text, sizeof(text)));
	char *shared = DONE(mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0)), *private = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	shared[1] = 'x';
	SHOW("private and shared", "%.3s %.3s", private, shared);
	CALL(fcntl(fd, 1033, 8));
	CALL(fcntl(fd, 1033, 2));
	CALL(ftruncate(fd, 10));
	CALL(ftruncate(fd, 3 * PAGE));
	CALL(fcntl(fd, 1033, 4));
	CALL(ftruncate(fd, 4 * PAGE));
	CALL(pwrite(fd, text, 10, 3 * PAGE));
	CALL(pwrite(fd, text, 2 * PAGE, 2 * PAGE));
	CALL(pwrite(fd, text, 10, 2 * PAGE));
	CALL(fallocate(fd, 0, 0, 5 * PAGE));
	CALL(fcntl(fd, 1033, 0x80));
	munmap(shared, PAGE);
	CALL(fcntl(fd, 1033, 8));
	if (fork() == 0) {
		_exit(0);
	}
	wait(NULL);
	munmap(shared + PAGE, PAGE);
	CALL(fcntl(fd, 1033, 8));
	CALL(write(fd, text, 1));
	DONE(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	char *reader = DONE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	CALL(mprotect(reader, PAGE, RW));
	private[0] = 'p';
	SHOW("private and sealed", "%.3s %.3s", private, reader);
	CALL(fcntl(fd, 1034));
	CALL(fcntl(fd, 1033, 1));
	CALL(fcntl(fd, 1033, 1));
	CALL(fcntl(fd, 1034));
	CALL(fcntl(0, 1034));
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
	RUN(limits_of_kinds);
	if (calls_with("root")) {
		RUN(locking_unlimited);
		RUN(locking_limited);
		RUN(locking_forbidden);
	}
	RUN(in_another_place);
	RUN(advice_for_children);
	RUN(populating);
	RUN(guard_gap);
	RUN(seals);
	return 0;
}
