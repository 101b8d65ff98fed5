/* SPDX-License-Identifier: MIT */
/*
 * Games whose players wait for each other in all the ways there are, at once: futexes (timed, requeued, interrupted), semaphores and
 * condition variables between processes, pipes, poll, epoll, signals, children, locks, naps. Each move is counted; a wake that is lost leaves a count
 * where it is, and then the test tells where everybody sleeps. Arguments: seconds (1), and the one game to play (all).
 */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define PLAYERS_MAX 4
#define THREADS 5
#define STUCK_SECONDS 30
#define BULK 100000

enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_CMP_REQUEUE = 4, FUTEX_PRIVATE = 128 };

/* Shared by the players of a game. */
struct table {
	atomic_ulong moves;
	atomic_uint words[8], seats;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	sem_t sems[2];
	unsigned turn;
	pid_t pids[PLAYERS_MAX];
	int fds[12];
};

static struct table *here; /* of this process */
static int side; /* which of the players it is */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void moved(void)
{
	atomic_fetch_add(&here->moves, 1);
}

static unsigned dice(unsigned sides)
{
	static _Thread_local unsigned state;
	state = state ? state : (unsigned)gettid() * 2654435761u | 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % sides;
}

static struct timespec short_time(void)
{
	return (struct timespec){ 0, 50000 + (long)dice(3000000) };
}

static long futex(atomic_uint *word, int operation, unsigned value, const struct timespec *time)
{
	return syscall(SYS_futex, word, operation, value, time, NULL, 0);
}

static void nothing(int signal)
{
}

/* ---- futexes ---- */
static void pass_word(bool timed)
{
	for (;;) {
		unsigned seen = atomic_load(&here->words[0]);
		if (seen % 2 == (unsigned)side) {
			atomic_fetch_add(&here->words[0], 1);
			futex(&here->words[0], FUTEX_WAKE, 1, NULL);
			moved();
		} else {
			struct timespec time = short_time();
			futex(&here->words[0], FUTEX_WAIT, seen, timed ? &time : NULL);
		}
	}
}

static void futex_pair(void)
{
	pass_word(false);
}

static void futex_timed(void)
{
	pass_word(true);
}

/* Both are interrupted all the time, their waits go on. */
static void futex_interrupted(void)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = side ? SA_RESTART : 0 };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	pass_word(false);
}

static void threads_start(void *(*run)(void *))
{
	pthread_t thread;
	for (long i = 0; i < THREADS; i++) {
		if (pthread_create(&thread, NULL, run, (void *)i)) {
			fail("pthread_create");
		}
	}
	for (;;) {
		pause();
	}
}

static void *ring_thread(void *self)
{
	atomic_uint *mine = &here->words[(long)self], *next = &here->words[((long)self + 1) % THREADS];
	if (!self) {
		atomic_store(mine, 1);
	}
	for (;;) {
		while (!atomic_exchange(mine, 0)) {
			futex(mine, FUTEX_WAIT | FUTEX_PRIVATE, 0, NULL);
		}
		atomic_store(next, 1);
		futex(next, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL);
		moved();
	}
	return NULL;
}

static void futex_ring(void)
{
	threads_start(ring_thread);
}

/* Words: 0 the round, 1 where waiters are moved to, 2 how many have come, 3 how many have left. */
static void *requeue_waiter(void *unused)
{
	atomic_uint *w = here->words;
	for (;;) {
		unsigned round = atomic_load(&w[0]);
		atomic_fetch_add(&w[2], 1);
		futex(&w[2], FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL);
		while (atomic_load(&w[0]) == round) {
			futex(&w[0], FUTEX_WAIT | FUTEX_PRIVATE, round, NULL);
		}
		atomic_fetch_add(&w[3], 1);
		futex(&w[3], FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL);
		while (atomic_load(&w[4]) == round) {
			futex(&w[4], FUTEX_WAIT | FUTEX_PRIVATE, round, NULL);
		}
	}
	return NULL;
}

static void wait_for_count(atomic_uint *word, unsigned count)
{
	for (unsigned seen; (seen = atomic_load(word)) < count;) {
		futex(word, FUTEX_WAIT | FUTEX_PRIVATE, seen, NULL);
	}
	atomic_store(word, 0);
}

static void *requeue_master(void *unused)
{
	atomic_uint *w = here->words;
	for (;;) {
		wait_for_count(&w[2], THREADS - 1);
		unsigned round = atomic_fetch_add(&w[0], 1) + 1;
		syscall(SYS_futex, &w[0], FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, INT_MAX, &w[1], round);
		while (futex(&w[1], FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL) > 0) {
		}
		wait_for_count(&w[3], THREADS - 1);
		atomic_fetch_add(&w[4], 1);
		futex(&w[4], FUTEX_WAKE | FUTEX_PRIVATE, INT_MAX, NULL);
		moved();
	}
	return NULL;
}

static void *requeue_thread(void *self)
{
	return self ? requeue_waiter(self) : requeue_master(self);
}

static void futex_requeue(void)
{
	threads_start(requeue_thread);
}

static void conditions(void)
{
	for (;;) {
		pthread_mutex_lock(&here->mutex);
		while (here->turn != (unsigned)side) {
			pthread_cond_wait(&here->cond, &here->mutex);
		}
		here->turn = (here->turn + 1) % 3;
		pthread_cond_broadcast(&here->cond);
		pthread_mutex_unlock(&here->mutex);
		moved();
	}
}

static void semaphores(void)
{
	for (;;) {
		if (dice(2)) {
			struct timespec until;
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 2000000;
			until.tv_sec += until.tv_nsec / 1000000000;
			until.tv_nsec %= 1000000000;
			if (sem_timedwait(&here->sems[side], &until)) {
				continue;
			}
		} else if (sem_wait(&here->sems[side])) {
			continue;
		}
		sem_post(&here->sems[!side]);
		moved();
	}
}

static void *storm_thread(void *unused)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	for (;;) {
		pthread_mutex_lock(&mutex);
		if (!dice(8)) {
			sched_yield();
		}
		pthread_mutex_unlock(&mutex);
		moved();
	}
	return NULL;
}

static void mutexes(void)
{
	threads_start(storm_thread);
}

/* ---- files; fds[2i] is read from, fds[2i + 1] written to; pipes 0 to 2 lead to player 0, 3 to 5 to player 1 ---- */
static int in(int i)
{
	return here->fds[2 * (i + 3 * side)];
}

static int out(int i)
{
	return here->fds[2 * (i + 3 * !side) + 1];
}

static void pipe_pair(void)
{
	char byte = 0;
	for (bool first = !side;; first = false) {
		if (!first && read(in(0), &byte, 1) != 1) {
			fail("read");
		}
		if (write(out(0), &byte, 1) != 1) {
			fail("write");
		}
		moved();
	}
}

static void pipe_bulk(void)
{
	static char buffer[BULK];
	for (;;) {
		if (side ? write(out(0), buffer, BULK) != BULK : read(in(0), buffer, 1 + dice(BULK)) <= 0) {
			fail("bulk");
		}
		moved();
	}
}

static void polls(void)
{
	char byte = 0;
	for (bool first = !side;; first = false) {
		struct pollfd p[3] = { { in(0), POLLIN, 0 }, { in(1), POLLIN, 0 }, { in(2), POLLIN, 0 } };
		for (int n = first; n == 0;) {
			n = poll(p, 3, dice(2) ? -1 : (int)dice(5));
		}
		for (int i = 0; i < 3; i++) {
			if ((p[i].revents & POLLIN) && read(in(i), &byte, 1) != 1) {
				fail("read");
			}
		}
		if (write(out((int)dice(3)), &byte, 1) != 1) {
			fail("write");
		}
		moved();
	}
}

/* Counters in words[]: numbers of descriptors that the table's maker opened. */
static void epolls(void)
{
	int mine = here->fds[side], others = here->fds[!side], set = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	uint64_t value = 1;
	epoll_ctl(set, EPOLL_CTL_ADD, mine, &e);
	for (bool first = !side;; first = false) {
		while (!first && read(mine, &value, 8) != 8) {
			epoll_wait(set, &e, 1, dice(2) ? -1 : (int)dice(5));
		}
		value = 1;
		if (write(others, &value, 8) != 8) {
			fail("eventfd");
		}
		moved();
	}
}

static int crowd_set; /* an epoll set with the counter fds[0] */

static void event_answer(void)
{
	uint64_t value;
	if (read(here->fds[0], &value, 8) == 8) {
		atomic_fetch_add(&here->words[0], 1);
		futex(&here->words[0], FUTEX_WAKE | FUTEX_PRIVATE, INT_MAX, NULL);
	}
}

static void answer_wait(unsigned seen)
{
	while (atomic_load(&here->words[0]) == seen) {
		futex(&here->words[0], FUTEX_WAIT | FUTEX_PRIVATE, seen, NULL);
	}
}

static void moment(long ns)
{
	struct timespec time = { 0, ns };
	nanosleep(&time, NULL);
}

static void *epoll_steady(void *unused)
{
	struct epoll_event e;
	for (;;) {
		epoll_wait(crowd_set, &e, 1, -1);
		event_answer();
		moment(100000); /* the other is the first to wait again, and to be woken */
	}
	return NULL;
}

static void *epoll_interrupted(void *unused)
{
	struct epoll_event e;
	for (;;) {
		unsigned seen = atomic_load(&here->words[0]);
		if (epoll_wait(crowd_set, &e, 1, -1) > 0) {
			event_answer();
		} else {
			answer_wait(seen);
		}
	}
	return NULL;
}

/*
 * Two threads wait at one set. One of them is interrupted just when something happens, and comes back only when the other has answered: what it
 * was woken for is the other's then.
 */
static void epoll_crowd(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct sigaction action = { .sa_handler = nothing };
	uint64_t one = 1;
	pthread_t threads[2];
	sigaction(SIGALRM, &action, NULL);
	crowd_set = epoll_create1(0);
	epoll_ctl(crowd_set, EPOLL_CTL_ADD, here->fds[0], &e);
	if (pthread_create(&threads[0], NULL, epoll_interrupted, NULL) || pthread_create(&threads[1], NULL, epoll_steady, NULL)) {
		fail("pthread_create");
	}
	for (;;) {
		unsigned seen = atomic_load(&here->words[0]);
		moment(500000);
		pthread_kill(threads[0], SIGALRM);
		for (unsigned left = dice(40000); left; left--) {
			__asm__ volatile("");
		}
		if (write(here->fds[0], &one, 8) != 8) {
			fail("eventfd");
		}
		answer_wait(seen);
		moved();
	}
}

static void sockets(void)
{
	char byte = 0;
	for (bool first = !side;; first = false) {
		if (!first && recv(here->fds[side], &byte, 1, 0) != 1) {
			fail("recv");
		}
		if (send(here->fds[side], &byte, 1, 0) != 1) {
			fail("send");
		}
		moved();
	}
}

static void file_locks(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/wakeups-%d", getppid());
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	for (;;) {
		struct flock l = { .l_type = F_WRLCK, .l_len = 1 };
		if (fd < 0 || fcntl(fd, F_SETLKW, &l)) {
			fail("F_SETLKW");
		}
		unlink(path);
		sched_yield();
		l.l_type = F_UNLCK;
		fcntl(fd, F_SETLK, &l);
		if (flock(fd, LOCK_EX) || flock(fd, LOCK_UN)) {
			fail("flock");
		}
		moved();
	}
}

/* ---- processes and signals ---- */
static void children(void)
{
	sigset_t set, none;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, nothing);
	for (;;) {
		bool by_signal = dice(2);
		pid_t child = dice(4) ? fork() : vfork();
		if (child == 0) {
			_exit(0);
		}
		if (by_signal) {
			while (waitpid(child, NULL, WNOHANG) == 0) {
				sigsuspend(&none);
			}
		} else if (waitpid(child, NULL, 0) != child) {
			fail("waitpid");
		}
		moved();
	}
}

/* SIGUSR1 and SIGUSR2 are blocked since before the players began. */
static void signals_waited(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (bool first = !side;; first = false) {
		if (!first && sigwaitinfo(&set, NULL) != SIGUSR1) {
			continue;
		}
		kill(here->pids[!side], SIGUSR1);
		moved();
	}
}

static volatile sig_atomic_t told;

static void tell(int signal)
{
	told = 1;
}

static void signals_handled(void)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGUSR2, tell);
	for (bool first = !side;; first = false) {
		while (!first && !told) {
			sigsuspend(&none);
		}
		told = 0;
		kill(here->pids[!side], SIGUSR2);
		moved();
	}
}

static void answer(int signal)
{
	char byte = 0;
	if (write(out(0), &byte, 1) != 1) {
		_exit(1);
	}
}

static sigset_t set_of(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

/* Takes the signal now and then: what is meant for it may come when it no longer does. */
static void *fickle_thread(void *unused)
{
	sigset_t set = set_of(SIGUSR1);
	for (;;) {
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	}
	return NULL;
}

/* The same with a thread that ends, which blocks all signals first. */
static void *brief_thread(void *unused)
{
	sigset_t set = set_of(SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return NULL;
}

static void *maker_thread(void *unused)
{
	for (;;) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, brief_thread, NULL) == 0) {
			pthread_join(thread, NULL);
		}
	}
	return NULL;
}

static void *steady_thread(void *unused)
{
	sigset_t set = set_of(SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (;;) {
		pause();
	}
	return NULL;
}

/* Each signal finds some thread that takes it: the last of them always does. */
static void signals_to_any(void)
{
	char byte;
	if (side) {
		static void *(*const runs[])(void *) = { fickle_thread, maker_thread, steady_thread };
		signal(SIGUSR1, answer);
		for (int i = 0; i < 3; i++) {
			pthread_t thread;
			pthread_create(&thread, NULL, runs[i], NULL);
		}
		answer(0);
		for (;;) {
			pause();
		}
	}
	for (;;) {
		if (read(in(0), &byte, 1) != 1) {
			fail("read");
		}
		kill(here->pids[1], SIGUSR1);
		moved();
	}
}

static void *life(void *unused)
{
	return NULL;
}

/* Threads are born while their process is stopped and set going, which wakes all of its threads. */
static void births(void)
{
	for (;;) {
		pthread_t thread;
		if (side) {
			for (unsigned left = dice(100000); left; left--) {
				__asm__ volatile("");
			}
			kill(here->pids[0], SIGSTOP);
			kill(here->pids[0], SIGCONT);
			continue;
		}
		if (pthread_create(&thread, NULL, life, NULL) || pthread_join(thread, NULL)) {
			fail("pthread_create");
		}
		moved();
	}
}

static void naps(void)
{
	for (;;) {
		struct timespec time = short_time();
		nanosleep(&time, NULL);
		moved();
	}
}

static void *mapper(void *unused)
{
	for (;;) {
		char *at = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED) {
			fail("mmap");
		}
		for (int i = 0; i < 8; i++) {
			at[i * 4096] = 1;
		}
		munmap(at, 8 * 4096);
		moved();
	}
	return NULL;
}

/* Nobody waits here: what one processor asks of the others comes between. */
static void mappings(void)
{
	threads_start(mapper);
}

static void *sleep_computing(void *unused)
{
	struct timespec time = { 0, 1000000 };
	for (;;) {
		for (unsigned i = 0; i < 200000; i++) {
			__asm__ volatile("" : : "r"(i));
		}
		nanosleep(&time, NULL);
		moved();
	}
	return NULL;
}

static void computing(void)
{
	threads_start(sleep_computing);
}

static const struct game {
	const char *name;
	int players;
	void (*play)(void);
} games[] = {
	{ "futex_pair", 2, futex_pair },
	{ "futex_timed", 2, futex_timed },
	{ "futex_interrupted", 2, futex_interrupted },
	{ "futex_ring", 1, futex_ring },
	{ "futex_requeue", 1, futex_requeue },
	{ "conditions", 3, conditions },
	{ "semaphores", 2, semaphores },
	{ "mutexes", 1, mutexes },
	{ "pipe_pair", 2, pipe_pair },
	{ "pipe_bulk", 2, pipe_bulk },
	{ "polls", 2, polls },
	{ "epolls", 2, epolls },
	{ "epoll_crowd", 1, epoll_crowd },
	{ "sockets", 2, sockets },
	{ "file_locks", 2, file_locks },
	{ "children", 1, children },
	{ "signals_waited", 2, signals_waited },
	{ "signals_handled", 2, signals_handled },
	{ "signals_to_any", 2, signals_to_any },
	{ "births", 2, births },
	{ "naps", 2, naps },
	{ "mappings", 1, mappings },
	{ "computing", 1, computing },
};
#define GAMES (sizeof(games) / sizeof(games[0]))

static struct table *table_set(const struct game *game)
{
	struct table *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED) {
		fail("mmap");
	}
	pthread_mutexattr_t mutex_shared;
	pthread_condattr_t cond_shared;
	pthread_mutexattr_init(&mutex_shared);
	pthread_mutexattr_setpshared(&mutex_shared, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&cond_shared);
	pthread_condattr_setpshared(&cond_shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&t->mutex, &mutex_shared);
	pthread_cond_init(&t->cond, &cond_shared);
	sem_init(&t->sems[0], 1, 1);
	sem_init(&t->sems[1], 1, 0);
	if (game->play == sockets) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, t->fds);
	} else if (game->play == epolls || game->play == epoll_crowd) {
		t->fds[0] = eventfd(0, EFD_NONBLOCK);
		t->fds[1] = eventfd(0, EFD_NONBLOCK);
	} else {
		for (int i = 0; i < 6; i++) {
			if (pipe(t->fds + 2 * i)) {
				fail("pipe");
			}
		}
	}
	return t;
}

/* The players start together, when all of them are known. */
static void game_begin(const struct game *game, struct table *t, pid_t group)
{
	for (int i = 0; i < game->players; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			setpgid(0, group);
			here = t;
			side = i;
			unsigned seen;
			while ((seen = atomic_load(&t->seats)) == 0) {
				futex(&t->seats, FUTEX_WAIT, seen, NULL);
			}
			game->play();
		}
		setpgid(pid, group);
		t->pids[i] = pid;
	}
	atomic_store(&t->seats, 1);
	futex(&t->seats, FUTEX_WAKE, INT_MAX, NULL);
}

static void copy(const char *format, pid_t pid, const char *name)
{
	char path[64], text[2048];
	snprintf(path, sizeof(path), format, pid, name);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		printf("%s: %s\n", path, text);
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void tell_where(const struct game *game, const struct table *t)
{
	for (int i = 0; i < game->players; i++) {
		copy("/proc/%d/%s", t->pids[i], "status");
		for (pid_t tid = t->pids[i]; tid < t->pids[i] + 500; tid++) {
			char path[64];
			snprintf(path, sizeof(path), "/proc/%d/task/%d", t->pids[i], tid);
			if (access(path, F_OK) == 0) {
				copy("/proc/%d/%s", tid, "syscall");
				copy("/proc/%d/%s", tid, "stack");
			}
		}
	}
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* False: that game has not gone on for STUCK_SECONDS. */
static bool look(struct table *tables[], unsigned long counts[], double changed[], bool told_counts)
{
	for (size_t i = 0; i < GAMES; i++) {
		if (!tables[i]) {
			continue;
		}
		unsigned long count = atomic_load(&tables[i]->moves);
		if (count != counts[i]) {
			counts[i] = count;
			changed[i] = now();
		}
		if (now() - changed[i] > STUCK_SECONDS) {
			printf("not ok %s: stuck after %lu moves\n", games[i].name, count);
			tell_where(&games[i], tables[i]);
			return false;
		}
		if (told_counts) {
			fprintf(stderr, "%s %lu\n", games[i].name, count);
		}
	}
	return true;
}

static bool all_moved(struct table *tables[], const unsigned long counts[])
{
	for (size_t i = 0; i < GAMES; i++) {
		if (tables[i] && !counts[i]) {
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1, changed[GAMES];
	unsigned long counts[GAMES] = { 0 };
	struct table *tables[GAMES] = { NULL };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t group = fork(); /* a process group that can be ended as a whole */
	if (group == 0) {
		for (;;) {
			pause();
		}
	}
	setpgid(group, group);
	for (size_t i = 0; i < GAMES; i++) {
		if (argc <= 2 || strcmp(argv[2], games[i].name) == 0) {
			tables[i] = table_set(&games[i]);
			game_begin(&games[i], tables[i], group);
			changed[i] = now();
		}
	}
	bool going = true;
	for (double end = now() + seconds; going && (now() < end || !all_moved(tables, counts));) {
		struct timespec time = { 0, 200000000 };
		nanosleep(&time, NULL);
		going = look(tables, counts, changed, false);
	}
	look(tables, counts, changed, going && argc > 1);
	kill(-group, SIGKILL);
	while (wait(NULL) > 0) {
	}
	if (going) {
		printf("ok nobody sleeps for ever\n");
	}
	return !going;
}
