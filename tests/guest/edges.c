/* SPDX-License-Identifier: MIT */
/*
 * Where calls meet: mappings of files that are cut, holes that are mapped, locks and names of what is gone, numbers at the end of
 * their range, and registers that no program should have. In the working directory, which is on a disk. Linux passes all of it.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "check.h"

#define PAGE 4096

static sigjmp_buf after_bus;

static void on_bus(int signal)
{
	siglongjmp(after_bus, 1);
}

/** Does touching *at raise SIGBUS? */
static bool is_bus_error(volatile char *at, bool write)
{
	struct sigaction action = { .sa_handler = on_bus }, old;
	volatile bool hit = true;
	sigaction(SIGBUS, &action, &old);
	if (!sigsetjmp(after_bus, 1)) {
		if (write) {
			*at = 1;
		} else {
			(void)*at;
		}
		hit = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return hit;
}

static int fresh_file(off_t size)
{
	int fd = open("edge", O_RDWR | O_CREAT | O_TRUNC, 0600);
	return fd >= 0 && ftruncate(fd, size) == 0 && unlink("edge") == 0 ? fd : -1;
}

/* A hole that was mapped by reading has no block; the write must give it one, or it is lost when memory is needed. */
static void hole_mapped_by_reading_is_written(void)
{
	struct stat st;
	int fd = fresh_file(4 * PAGE);
	char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(fd >= 0 && map != MAP_FAILED);
	CHECK(*(volatile char *)&map[PAGE] == 0);
	map[PAGE] = 'x';
	CHECK(msync(map, 4 * PAGE, MS_SYNC) == 0 && fsync(fd) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_blocks > 0);
	munmap(map, 4 * PAGE);
	close(fd);
}

static void truncated_pages_leave_mappings(void)
{
	char byte;
	int fd = fresh_file(3 * PAGE);
	char *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(fd >= 0 && map != MAP_FAILED);
	memset(map, 'a', 3 * PAGE);
	CHECK(ftruncate(fd, PAGE + 100) == 0);
	CHECK(!is_bus_error(&map[PAGE], true));
	CHECK(map[PAGE + 99] == 'a' && map[PAGE + 100] == 0);
	CHECK(is_bus_error(&map[2 * PAGE], false) && is_bus_error(&map[2 * PAGE], true));
	CHECK(ftruncate(fd, 3 * PAGE) == 0);
	CHECK(map[2 * PAGE] == 0);
	map[2 * PAGE] = 'b';
	CHECK(pread(fd, &byte, 1, 2 * PAGE) == 1 && byte == 'b');
	munmap(map, 3 * PAGE);
	close(fd);
}

static void write_from_its_own_mapping(void)
{
	char back[2 * PAGE];
	int fd = fresh_file(0);
	CHECK(fd >= 0);
	for (int i = 0; i < 2 * PAGE; i++) {
		back[i] = (char)(i * 7);
	}
	CHECK(write(fd, back, 2 * PAGE) == 2 * PAGE);
	char *map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(pwrite(fd, map, 2 * PAGE, 2 * PAGE) == 2 * PAGE);
	CHECK(pread(fd, back, 2 * PAGE, 2 * PAGE) == 2 * PAGE && memcmp(back, map, 2 * PAGE) == 0);
	munmap(map, 2 * PAGE);
	close(fd);
}

static void read_only_file_stays_read_only(void)
{
	int fd = open("edge", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, "text", 4) == 4 && close(fd) == 0);
	fd = open("edge", O_RDONLY);
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(mprotect(map, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	munmap(map, PAGE);
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && mprotect(map, PAGE, PROT_READ | PROT_WRITE) == 0);
	munmap(map, PAGE);
	close(fd);
	unlink("edge");
}

static void only_files_are_mapped(void)
{
	int fd = open(".", O_RDONLY);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == ENODEV);
	close(fd);
	CHECK(mkfifo("edge", 0600) == 0);
	fd = open("edge", O_RDWR);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == ENODEV);
	close(fd);
	unlink("edge");
}

static void shared_memory_ends_where_it_was_made_to(void)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED);
	map = mremap(map, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	CHECK(map != MAP_FAILED);
	CHECK(!is_bus_error(&map[0], true) && is_bus_error(&map[2 * PAGE], true));
	munmap(map, 3 * PAGE);
}

static void record_lock_goes_with_its_process(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = fresh_file(10);
	pid_t child = fork();
	if (child == 0) {
		_exit(fcntl(fd, F_SETLK, &lock) != 0); /* and the descriptor stays open */
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(fcntl(fd, F_SETLK, &lock) == 0);
	lock.l_start = 10, lock.l_len = INT64_MAX;
	CHECK(fcntl(fd, F_SETLK, &lock) == -1 && errno == EOVERFLOW);
	close(fd);
}

static void offsets_below_zero_are_refused(void)
{
	char bytes[PAGE] = "";
	struct iovec v = { bytes, sizeof(bytes) };
	off_t in = 0, out = -1;
	int fd = fresh_file(2 * PAGE);
	CHECK(fd >= 0);
	CHECK(syscall(SYS_pwritev, fd, &v, 1, -1L, -1L) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_preadv, fd, &v, 1, -1L, -1L) == -1 && errno == EINVAL);
	CHECK(pwrite(fd, bytes, 1, -1) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_copy_file_range, fd, &in, fd, &out, (size_t)PAGE, 0) == -1);
	CHECK(lseek(fd, 0, SEEK_END) == 2 * PAGE);
	close(fd);
}

static void names_of_what_is_gone(void)
{
	char path[32];
	int fd = open("edge", O_RDWR | O_CREAT, 0600), here = open(".", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(fd >= 0 && unlink("edge") == 0);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW) == -1 && errno == ENOENT);
	close(fd);
	CHECK(mkdir("gone", 0700) == 0 && close(open("edge", O_WRONLY | O_CREAT, 0600)) == 0);
	CHECK(chdir("gone") == 0 && rmdir("../gone") == 0);
	bool refused = rename("../edge", "edge") == -1 && errno == ENOENT;
	CHECK(fchdir(here) == 0 && refused);
	CHECK(unlink("edge") == 0);
	close(here);
}

/* 40 links in one path, each inside of the one before. */
static void links_nest_forty_deep(void)
{
	char name[16] = "edge", next[16];
	int fd = open("edge", O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	for (int i = 0; i < 41; i++) {
		snprintf(next, sizeof(next), "link%d", i);
		CHECK(symlink(name, next) == 0);
		strcpy(name, next);
	}
	fd = open("link39", O_RDONLY);
	bool forty = fd >= 0;
	close(fd);
	bool too_many = open("link40", O_RDONLY) == -1 && errno == ELOOP;
	for (int i = 0; i < 41; i++) {
		snprintf(next, sizeof(next), "link%d", i);
		unlink(next);
	}
	unlink("edge");
	CHECK(forty && too_many);
}

static void thread_pointer_is_a_users_address(void)
{
	CHECK(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, 0x8000000000000000ul) == -1 && errno == EPERM);
}

static void answer_512(int signal, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -512;
}

/* A result that looks like a restart of the kernel's own is the program's when sigreturn brings it. */
static void sigreturn_may_bring_any_result(void)
{
	struct sigaction action = { .sa_sigaction = answer_512, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &action, NULL);
	long result = syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1);
	CHECK(result == -1 && errno == 512);
	signal(SIGUSR1, SIG_DFL);
}

static void queued_signals_have_a_limit(void)
{
	struct rlimit limit = { 8, 8 };
	union sigval value = { 0 };
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	pid_t child = fork();
	if (child == 0) {
		int sent = 0;
		setrlimit(RLIMIT_SIGPENDING, &limit);
		sigprocmask(SIG_BLOCK, &set, &old);
		while (sent < 100 && sigqueue(getpid(), SIGRTMIN + 3, value) == 0) {
			sent++;
		}
		_exit(sent > 8 || errno != EAGAIN);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void script_without_a_newline_runs(void)
{
	static const char text[] = "#!/bin/true";
	int fd = open("edge", O_WRONLY | O_CREAT | O_TRUNC, 0700);
	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1 && close(fd) == 0);
	pid_t child = fork();
	if (child == 0) {
		execl("./edge", "edge", (char *)NULL);
		_exit(99);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	unlink("edge");
}

/* As root only, who can become somebody else: what links in /proc lead to is for the process's own user. */
static void working_directories_of_others_are_closed(void)
{
	char path[32], target[256];
	snprintf(path, sizeof(path), "/proc/%d/cwd", getpid());
	CHECK(readlink(path, target, sizeof(target)) > 0);
	pid_t child = fork();
	if (child == 0) {
		if (getuid() == 0 && setuid(1234) != 0) {
			_exit(1);
		}
		_exit(getuid() == 1234 && (readlink(path, target, sizeof(target)) != -1 || errno != EACCES));
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

#define VECTORS 1024
#define COPIED (16ul << 20)

/*
 * Sixteen gigabytes, from zeros that were never touched to the same few pages again and again. The first byte says that it has begun, the last
 * one that it is over.
 */
static void copy_long(volatile char *begun, volatile char *over)
{
	static struct iovec from[VECTORS], to[VECTORS];
	static char one = 1;
	char *zeros = mmap(NULL, COPIED, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *target = mmap(NULL, COPIED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 1; i < VECTORS - 1; i++) {
		from[i] = (struct iovec){ zeros, COPIED };
		to[i] = (struct iovec){ target, COPIED };
	}
	from[0] = from[VECTORS - 1] = (struct iovec){ &one, 1 };
	to[0] = (struct iovec){ (char *)begun, 1 };
	to[VECTORS - 1] = (struct iovec){ (char *)over, 1 };
	process_vm_writev(getpid(), from, VECTORS, to, VECTORS, 0);
}

static volatile char *flags_shared(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void a_long_copy_can_be_killed(void)
{
	volatile char *flags = flags_shared();
	pid_t child = fork();
	if (child == 0) {
		copy_long(&flags[0], &flags[1]);
		_exit(0);
	}
	while (!flags[0]) {
		usleep(1000);
	}
	kill(child, SIGKILL);
	alarm(200); /* which ends this program */
	CHECK(waitpid(child, NULL, 0) == child);
	alarm(0);
	CHECK(!flags[1]);
}

/* Who shares the processor with one that is in the kernel for long runs all the same, and its clock goes on, before that one is through. */
static void a_long_call_stops_no_clock(void)
{
	unsigned long one = 1;
	for (int i = 0; i < 3; i++) {
		volatile char *flags = flags_shared();
		pid_t child = fork();
		if (child == 0) {
			syscall(SYS_sched_setaffinity, 0, sizeof(one), &one);
			copy_long(&flags[0], &flags[1]);
			_exit(0);
		}
		pid_t other = fork();
		if (other == 0) {
			syscall(SYS_sched_setaffinity, 0, sizeof(one), &one);
			while (!flags[0]) {
				usleep(1000);
			}
			usleep(10000);
			_exit(flags[1]);
		}
		int status = -1;
		CHECK(waitpid(other, &status, 0) == other && status == 0);
		kill(child, SIGKILL);
		CHECK(waitpid(child, NULL, 0) == child);
	}
}

int main(void)
{
	RUN(hole_mapped_by_reading_is_written);
	RUN(truncated_pages_leave_mappings);
	RUN(write_from_its_own_mapping);
	RUN(read_only_file_stays_read_only);
	RUN(only_files_are_mapped);
	RUN(shared_memory_ends_where_it_was_made_to);
	RUN(record_lock_goes_with_its_process);
	RUN(offsets_below_zero_are_refused);
	RUN(names_of_what_is_gone);
	RUN(links_nest_forty_deep);
	RUN(thread_pointer_is_a_users_address);
	RUN(sigreturn_may_bring_any_result);
	RUN(queued_signals_have_a_limit);
	RUN(script_without_a_newline_runs);
	RUN(working_directories_of_others_are_closed);
	RUN(a_long_copy_can_be_killed);
	RUN(a_long_call_stops_no_clock);
	return check_failures;
}
