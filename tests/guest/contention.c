/* SPDX-License-Identifier: MIT */
/* Processes and threads side by side on the same pipe, file, directory, descriptor table and lock: nothing is lost, doubled or torn. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WORKERS 4
#define PAGE 4096

static char *program;
static char folder[64];

static void *shared_page(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Run `work` in WORKERS processes; whether each ended with 0. */
static bool in_processes(int (*work)(int own))
{
	bool good = true;
	pid_t children[WORKERS];
	for (int i = 0; i < WORKERS; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			_exit(work(i));
		}
		good = good && children[i] > 0;
	}
	for (int i = 0; i < WORKERS; i++) {
		int status;
		good = waitpid(children[i], &status, 0) == children[i] && status == 0 && good;
	}
	return good;
}

static bool in_threads(void *(*work)(void *own))
{
	bool good = true;
	pthread_t threads[WORKERS];
	for (intptr_t i = 0; i < WORKERS; i++) {
		good = pthread_create(&threads[i], NULL, work, (void *)i) == 0 && good;
	}
	for (int i = 0; i < WORKERS; i++) {
		void *result;
		good = pthread_join(threads[i], &result) == 0 && !result && good;
	}
	return good;
}

struct record {
	uint32_t writer, number, sum, filler[13];
};

static struct record record_make(uint32_t writer, uint32_t number)
{
	struct record r = { .writer = writer, .number = number, .sum = writer * 77 + number };
	for (int i = 0; i < 13; i++) {
		r.filler[i] = r.sum + (uint32_t)i;
	}
	return r;
}

static bool record_good(const struct record *r)
{
	struct record want = record_make(r->writer, r->number);
	return memcmp(r, &want, sizeof(want)) == 0;
}

#define RECORDS 400u
static int stream[2];
static atomic_uint *seen; /* shared: how many of each writer, and the sum of their numbers */

static int write_and_read(int own)
{
	if (own % 2 == 0) {
		for (uint32_t i = 0; i < RECORDS; i++) {
			struct record r = record_make((uint32_t)own, i);
			if (write(stream[1], &r, sizeof(r)) != sizeof(r)) {
				return 1;
			}
		}
		return 0;
	}
	for (uint32_t i = 0; i < RECORDS; i++) {
		struct record r;
		if (read(stream[0], &r, sizeof(r)) != sizeof(r) || !record_good(&r) || r.writer > 2) {
			return 2;
		}
		seen[r.writer]++;
		seen[4 + r.writer] += r.number;
	}
	return 0;
}

static void pipes_carry_each_record_once(void)
{
	seen = shared_page();
	CHECK(pipe(stream) == 0);
	CHECK(in_processes(write_and_read));
	CHECK(seen[0] == RECORDS && seen[2] == RECORDS);
	CHECK(seen[4] == RECORDS * (RECORDS - 1) / 2 && seen[6] == seen[4]);
	close(stream[0]);
	close(stream[1]);
}

static int append(int own)
{
	char path[80];
	snprintf(path, sizeof(path), "%s/log", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	for (uint32_t i = 0; i < RECORDS; i++) {
		struct record r = record_make((uint32_t)own, i);
		if (write(fd, &r, sizeof(r)) != sizeof(r)) {
			return 1;
		}
	}
	return close(fd);
}

static void appended_records_do_not_overlap(void)
{
	static struct record all[WORKERS * RECORDS + 1];
	uint32_t next[WORKERS] = { 0 };
	char path[80];
	CHECK(in_processes(append));
	snprintf(path, sizeof(path), "%s/log", folder);
	int fd = open(path, O_RDONLY);
	ssize_t bytes = 0, n;
	while ((n = read(fd, (char *)all + bytes, sizeof(all) - (size_t)bytes)) > 0) {
		bytes += n;
	}
	close(fd);
	unlink(path);
	CHECK(bytes == (ssize_t)(WORKERS * RECORDS * sizeof(struct record)));
	for (unsigned i = 0; i < WORKERS * RECORDS; i++) {
		CHECK(record_good(&all[i]) && all[i].writer < WORKERS && all[i].number == next[all[i].writer]++);
	}
}

static int make_and_rename(int own)
{
	char a[96], b[96], shared[96];
	snprintf(shared, sizeof(shared), "%s/shared", folder);
	for (int i = 0; i < 60; i++) {
		snprintf(a, sizeof(a), "%s/%d-%d", folder, own, i);
		snprintf(b, sizeof(b), "%s/d/%d-%d", folder, own, i);
		int fd = open(a, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || write(fd, a, sizeof(a)) != sizeof(a) || rename(a, b) != 0) {
			return 1;
		}
		struct stat st;
		if (fstat(fd, &st) != 0 || st.st_nlink != 1 || st.st_size != sizeof(a) || stat(a, &st) == 0) {
			return 2;
		}
		/* All of them rename to one name, and look at what it is just then. */
		if (link(b, a) != 0 || rename(a, shared) != 0) {
			return 3;
		}
		if (stat(shared, &st) != 0 || st.st_size != sizeof(a)) {
			return 4;
		}
		close(fd);
		if (unlink(b) != 0 || access(b, F_OK) == 0) {
			return 5;
		}
	}
	return 0;
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;
	while (dir && readdir(dir)) {
		count++;
	}
	if (dir) {
		closedir(dir);
	}
	return count;
}

static void names_are_made_and_go(void)
{
	char path[80];
	snprintf(path, sizeof(path), "%s/d", folder);
	CHECK(mkdir(path, 0700) == 0);
	CHECK(in_processes(make_and_rename));
	CHECK(entries(path) == 2 && entries(folder) == 4);
	CHECK(rmdir(path) == 0);
	snprintf(path, sizeof(path), "%s/shared", folder);
	CHECK(unlink(path) == 0);
}

static int file;

static void *write_own_part(void *arg)
{
	static _Thread_local char buffer[3000], back[3000];
	intptr_t own = (intptr_t)arg;
	for (int round = 0; round < 20; round++) {
		memset(buffer, (int)own + 1, sizeof(buffer));
		for (int i = 0; i < 8; i++) {
			off_t at = (off_t)(i * WORKERS + own) * (off_t)sizeof(buffer);
			if (pwrite(file, buffer, sizeof(buffer), at) != (ssize_t)sizeof(buffer) ||
			    pread(file, back, sizeof(back), at) != (ssize_t)sizeof(back) || memcmp(buffer, back, sizeof(back))) {
				return (void *)1;
			}
		}
	}
	return NULL;
}

static void parts_of_a_file_stay_apart(void)
{
	static char all[3000 * WORKERS * 8];
	char path[80];
	snprintf(path, sizeof(path), "%s/parts", folder);
	file = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(file >= 0 && in_threads(write_own_part));
	CHECK(pread(file, all, sizeof(all), 0) == (ssize_t)sizeof(all));
	for (unsigned i = 0; i < sizeof(all); i++) {
		CHECK(all[i] == (char)(i / 3000 % WORKERS + 1));
	}
	CHECK(unlink(path) == 0 && close(file) == 0);
}

static atomic_int owners[1024];

static void *take_descriptors(void *arg)
{
	int mine[6];
	for (int round = 0; round < 150; round++) {
		for (int i = 0; i < 6; i++) {
			mine[i] = i % 2 ? dup(mine[i - 1]) : open("/dev/null", O_RDONLY);
			if (mine[i] < 0 || mine[i] >= 1024 || atomic_fetch_add(&owners[mine[i]], 1) != 0) {
				return (void *)1;
			}
		}
		for (int i = 0; i < 6; i++) {
			atomic_fetch_sub(&owners[mine[i]], 1);
			if (close(mine[i]) != 0) {
				return (void *)2;
			}
		}
	}
	return NULL;
}

static void descriptors_have_one_owner(void)
{
	CHECK(in_threads(take_descriptors));
}

static int start_programs(int own)
{
	for (int i = 0; i < 12; i++) {
		int status;
		pid_t child = own % 2 ? fork() : vfork();
		if (child == 0) {
			execl(program, program, "exec", NULL);
			_exit(1);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 5) {
			return 1;
		}
	}
	return 0;
}

static void programs_start_and_end(void)
{
	CHECK(in_processes(start_programs));
}

static void *fork_from_threads(void *arg)
{
	int own = (int)(intptr_t)arg;
	for (int i = 0; i < 20; i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			_exit(own * 20 + i);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != own * 20 + i) {
			return (void *)1;
		}
	}
	return NULL;
}

static void threads_wait_for_their_own_children(void)
{
	CHECK(in_threads(fork_from_threads));
}

static struct {
	pthread_mutex_t mutex;
	unsigned guarded;
	atomic_uint free;
} *common;

static int count_together(int own)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&common->mutex);
		common->guarded++;
		pthread_mutex_unlock(&common->mutex);
		common->free++;
	}
	return 0;
}

static void memory_is_shared_between_processes(void)
{
	pthread_mutexattr_t attributes;
	common = shared_page();
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&common->mutex, &attributes);
	CHECK(in_processes(count_together));
	CHECK(common->guarded == WORKERS * 2000 && common->free == WORKERS * 2000);
}

static int count_under_lock(int own)
{
	char path[80];
	snprintf(path, sizeof(path), "%s/count", folder);
	int fd = open(path, O_RDWR);
	for (int i = 0; i < 100; i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int value = 0;
		if (fcntl(fd, F_SETLKW, &lock) != 0 || pread(fd, &value, sizeof(value), 0) != sizeof(value)) {
			return 1;
		}
		value++;
		if (pwrite(fd, &value, sizeof(value), 0) != sizeof(value)) {
			return 2;
		}
		lock.l_type = F_UNLCK;
		if (fcntl(fd, F_SETLKW, &lock) != 0) {
			return 3;
		}
	}
	return close(fd);
}

static void record_locks_exclude(void)
{
	char path[80];
	int value = 0;
	snprintf(path, sizeof(path), "%s/count", folder);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, &value, sizeof(value)) == sizeof(value));
	CHECK(in_processes(count_under_lock));
	CHECK(pread(fd, &value, sizeof(value), 0) == sizeof(value) && value == WORKERS * 100);
	CHECK(close(fd) == 0 && unlink(path) == 0);
}

static int counter, poller;

static void *add_events(void *arg)
{
	uint64_t one = 1;
	for (int i = 0; i < 500; i++) {
		if (write(counter, &one, sizeof(one)) != sizeof(one)) {
			return (void *)1;
		}
	}
	return NULL;
}

static void *collect_events(void *arg)
{
	uint64_t *total = arg, got;
	while (*total < WORKERS * 500) {
		struct epoll_event event;
		if (epoll_wait(poller, &event, 1, 5000) != 1) {
			return (void *)1;
		}
		if (read(counter, &got, sizeof(got)) == sizeof(got)) {
			*total += got;
		}
	}
	return NULL;
}

static atomic_int lock_fd = -1;
static atomic_bool lock_over;

static void *lock_without_end(void *unused)
{
	while (!lock_over) {
		struct flock lock = { .l_type = F_WRLCK };
		fcntl(lock_fd, F_SETLK, &lock);
	}
	return unused;
}

#define LOCK_FILES 600

static int lock_file_open(int i)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/closed%d", folder, i);
	return open(path, O_RDWR | O_CREAT, 0600);
}

static int close_while_locking(void)
{
	pthread_t locker;
	int failed = pthread_create(&locker, NULL, lock_without_end, NULL);
	for (int i = 0; i < LOCK_FILES && !failed; i++) {
		lock_fd = lock_file_open(i);
		for (volatile int wait = i % 100 * 20; wait > 0; wait--) {
		}
		failed = close(lock_fd);
	}
	lock_over = true;
	return failed || pthread_join(locker, NULL);
}

/* A lock that another thread asks for while the descriptor is closed is not there when the process has gone. */
static void a_lock_goes_with_its_descriptor(void)
{
	int files[LOCK_FILES], status, left = 0;
	for (int i = 0; i < LOCK_FILES; i++) { /* which keeps the locks, too */
		files[i] = lock_file_open(i);
	}
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < LOCK_FILES; i++) { /* or its locks would end with these */
			close(files[i]);
		}
		_exit(close_while_locking());
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	for (int i = 0; i < LOCK_FILES; i++) {
		struct flock lock = { .l_type = F_WRLCK };
		char path[96];
		left += fcntl(files[i], F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
		close(files[i]);
		snprintf(path, sizeof(path), "%s/closed%d", folder, i);
		unlink(path);
	}
	CHECK(left == 0);
}

static void events_are_all_seen(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t total = 0;
	pthread_t collector;
	void *result;
	counter = eventfd(0, EFD_NONBLOCK);
	poller = epoll_create1(0);
	CHECK(counter >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, counter, &event) == 0);
	CHECK(pthread_create(&collector, NULL, collect_events, &total) == 0);
	CHECK(in_threads(add_events));
	CHECK(pthread_join(collector, &result) == 0 && !result && total == WORKERS * 500);
	close(counter);
	close(poller);
}

static int pass_on(int own)
{
	char byte;
	for (int i = 0; i < 200; i++) {
		if (read(stream[0], &byte, 1) != 1 || write(stream[1], &byte, 1) != 1) {
			return 1;
		}
	}
	return 0;
}

/* More processes than bytes: each step wakes exactly one of those that wait. */
static void a_byte_goes_round(void)
{
	CHECK(pipe(stream) == 0 && write(stream[1], "ab", 2) == 2);
	CHECK(in_processes(pass_on));
	char left[4];
	CHECK(read(stream[0], left, sizeof(left)) == 2);
	close(stream[0]);
	close(stream[1]);
}

static int family(int own)
{
	int ready[2];
	char byte;
	for (int i = 0; i < 10; i++) {
		if (pipe(ready) != 0) {
			return 1;
		}
		pid_t child = fork();
		if (child == 0) {
			setpgid(0, 0);
			if (fork() == 0 && write(ready[1], "x", 1) != 1) {
				_exit(1);
			}
			pause();
		}
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1 || kill(-child, SIGKILL) != 0 || waitpid(child, NULL, 0) != child) {
			return 2;
		}
		/* The end of the pipe: the grandchild is gone, too. */
		if (read(ready[0], &byte, 1) != 0) {
			return 3;
		}
		close(ready[0]);
	}
	return 0;
}

static void families_are_killed(void)
{
	CHECK(in_processes(family));
}

#define CUT_BYTES (64 * PAGE)
static int cut_file;
static atomic_bool cut_over;

static void *read_on(void *own)
{
	char *buffer = malloc(CUT_BYTES);
	while (!cut_over) {
		pread(cut_file, buffer, CUT_BYTES, 0);
	}
	free(buffer);
	return own;
}

/* What was cut off never comes back, whoever reads meanwhile. */
static void what_was_cut_off_is_zeros(void)
{
	char path[80], *buffer = malloc(CUT_BYTES);
	pthread_t reader;
	unsigned bad = 0;
	snprintf(path, sizeof(path), "%s/cut", folder);
	cut_file = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(pthread_create(&reader, NULL, read_on, NULL) == 0);
	for (int round = 0; round < 100; round++) {
		memset(buffer, 'x', CUT_BYTES);
		bad += pwrite(cut_file, buffer, CUT_BYTES, 0) != CUT_BYTES || fsync(cut_file) != 0;
		bad += ftruncate(cut_file, PAGE / 2) != 0 || ftruncate(cut_file, CUT_BYTES) != 0;
		bad += pread(cut_file, buffer, CUT_BYTES, 0) != CUT_BYTES || buffer[0] != 'x';
		for (size_t i = PAGE / 2; i < CUT_BYTES; i++) {
			bad += buffer[i] != 0;
		}
	}
	cut_over = true;
	CHECK(pthread_join(reader, NULL) == 0 && bad == 0);
	free(buffer);
	close(cut_file);
}

static void *grow_table(void *own)
{
	for (int fd = 40; fd < 1000; fd += 13) {
		if (dup2(1, fd + (int)(intptr_t)own) < 0) {
			return (void *)1;
		}
	}
	return NULL;
}

static int grow_tables(int own)
{
	for (int i = 0; i < 5; i++) {
		if (!in_threads(grow_table)) {
			return 1;
		}
		syscall(SYS_close_range, 30, ~0u, 0);
	}
	return own < 0;
}

static void tables_grow_side_by_side(void)
{
	CHECK(in_processes(grow_tables));
}

static void give_up(int signal)
{
}

/* A family that forks without end, by the call alone: the C library blocks signals around it, and one that comes just before is the parent's only. */
static void fork_on(void)
{
	setpgid(0, 0);
	for (int i = 0; i < 200; i++) {
		if (syscall(SYS_fork) == 0) {
			pause();
		}
	}
	pause();
}

/* A signal to the group ends all of it, also whom somebody was just about to fork. */
static void a_group_that_forks_ends(void)
{
	struct sigaction action = { .sa_handler = give_up };
	sigaction(SIGALRM, &action, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = 0; round < 30; round++) {
		pid_t first = fork();
		if (first == 0) {
			fork_on();
		}
		setpgid(first, first);
		usleep((useconds_t)(round * 137));
		CHECK(kill(-first, SIGTERM) == 0);
		alarm(100);
		while (wait(NULL) > 0) {
		}
		CHECK(errno == ECHILD);
	}
	alarm(0);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc > 1) {
		return 5;
	}
	snprintf(folder, sizeof(folder), "/tmp/contention-%d", getpid());
	mkdir(folder, 0700);
	RUN(pipes_carry_each_record_once);
	RUN(a_byte_goes_round);
	RUN(appended_records_do_not_overlap);
	RUN(names_are_made_and_go);
	RUN(parts_of_a_file_stay_apart);
	RUN(descriptors_have_one_owner);
	RUN(programs_start_and_end);
	RUN(threads_wait_for_their_own_children);
	RUN(memory_is_shared_between_processes);
	RUN(record_locks_exclude);
	RUN(a_lock_goes_with_its_descriptor);
	RUN(events_are_all_seen);
	RUN(families_are_killed);
	RUN(what_was_cut_off_is_zeros);
	RUN(tables_grow_side_by_side);
	RUN(a_group_that_forks_ends);
	rmdir(folder);
	return check_failures;
}
