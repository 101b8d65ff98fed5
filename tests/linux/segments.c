/* SPDX-License-Identifier: MIT */
/* System V shared memory: making, attaching and removing segments, who may, what is told of them. */
#include "calls.h"

#include <setjmp.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

static void show(const char *name, int id)
{
	struct shmid_ds d = { 0 };
	if (shmctl(id, IPC_STAT, &d)) {
		calls_line("show", name, "%s", calls_error(errno));
		return;
	}
	calls_line("show", name, "mode %o, of my user %d my group %d made by %d %d, %ld bytes, %d attached, %s, last %s, times %d %d", d.shm_perm.mode,
		   d.shm_perm.uid == getuid(), d.shm_perm.gid == getgid(), d.shm_perm.cuid == getuid(), d.shm_perm.cgid == getgid(),
		   (long)d.shm_segsz, (int)d.shm_nattch,
		   d.shm_cpid == getpid() ? "mine" : "another's", d.shm_lpid == 0 ? "nobody" : d.shm_lpid == getpid() ? "me" : "another",
		   d.shm_atime != 0, d.shm_ctime != 0);
}

static sigjmp_buf back;

static void leave(int signal)
{
	siglongjmp(back, signal);
}

/* The signal that a write to it makes. */
static int writes(char *at)
{
	int result = sigsetjmp(back, 1);
	signal(SIGSEGV, leave);
	signal(SIGBUS, leave);
	if (!result) {
		*(volatile char *)at = 'x';
	}
	return result;
}

static void making(void)
{
	key_t key = 0x5eed0000 + (getpid() & 0xffff);
	CALL(shmget(key, 5000, 0600));
	int id = DONE(shmget(key, 5000, IPC_CREAT | 0640));
	show("new", id);
	IS(shmget(key, 0, 0) == id);
	IS(shmget(key, 5000, IPC_CREAT | 0600) == id);
	CALL(shmget(key, 5001, 0));
	CALL(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600));
	CALL(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
	CALL(shmget(key + 1, 0, IPC_CREAT | 0600));
	int other = DONE(shmget(IPC_PRIVATE, 1, 0600));
	IS(other != id);
	CALL(shmctl(other, IPC_RMID, NULL));
	CALL(shmctl(other, IPC_RMID, NULL));
	CALL(shmctl(other, IPC_STAT, &(struct shmid_ds){ 0 }));
	CALL(shmat(other, NULL, 0) == (void *)-1);
	CALL(shmctl(-1, IPC_STAT, &(struct shmid_ds){ 0 }));
	CALL(shmctl(id, IPC_STAT, NOWHERE));
	CALL(shmctl(id, 99, NULL));
	CALL(shmctl(id, IPC_RMID, NULL));
	CALL(shmget(key, 5000, 0600));
}

static void attaching(void)
{
	int id = DONE(shmget(IPC_PRIVATE, 3 * PAGE - 100, IPC_CREAT | 0600)), status;
	char *at = DONE(shmat(id, NULL, 0));
	IS(((uintptr_t)at & (PAGE - 1)) == 0);
	SHOW("zero", "%d %d", at[0], at[3 * PAGE - 1]);
	strcpy(at, "written");
	show("attached", id);
	char *second = DONE(shmat(id, NULL, SHM_RDONLY));
	IS(second != at);
	SHOW("seen", "%s", second);
	SHOW("write to the second", "%d", writes(second));
	CALL(mprotect(second, PAGE, PROT_READ | PROT_WRITE));
	show("twice", id);
	if (fork() == 0) {
		show("in a child", id);
		strcpy(at, "by the child");
		CALL(shmdt(second));
		show("less one", id);
		_exit(0);
	}
	wait(&status);
	SHOW("seen", "%s", second);
	show("after the child", id);
	CALL(shmdt(at + PAGE));
	CALL(shmdt(at + 1));
	CALL(shmdt(NULL));
	CALL(shmdt(second));
	struct shmid_ds d;
	IS(shmctl(id, IPC_STAT, &d) == 0 && d.shm_dtime != 0);
	CALL(shmdt(second));
	SHOW("write to what is not there any more", "%d", writes(second));
	char *place = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(shmat(id, place, 0) == (void *)-1);
	CALL(shmat(id, place + 1, 0) == (void *)-1);
	CALL(shmat(id, place, SHM_REMAP) == place);
	CALL(shmat(id, place + 4 * PAGE + 77, SHM_REMAP | SHM_RND) == place + 4 * PAGE);
	SHOW("seen there", "%s %s", place, place + 4 * PAGE);
	CALL(munmap(place + PAGE, PAGE));
	CALL(munmap(place, 16 * PAGE));
	show("one is left", id);
	CALL(shmctl(id, IPC_RMID, NULL));
	SHOW("still there", "%s", at);
	CALL(shmdt(at));
	CALL(shmat(id, NULL, 0) == (void *)-1);
}

static void permissions(void)
{
	int id = DONE(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0640)), status;
	struct shmid_ds d;
	shmctl(id, IPC_STAT, &d);
	d.shm_perm.uid = 1000;
	d.shm_perm.gid = 50;
	d.shm_perm.mode = 0440;
	CALL(shmctl(id, IPC_SET, &d));
	show("given away", id);
	for (int round = 0; round < 3; round++) {
		static const struct {
			const char *name;
			int user, group;
		} of[] = { { "the owner", 1000, 1000 }, { "the group", 2000, 50 }, { "others", 2000, 60 } };
		if (fork() == 0) {
			syscall(SYS_setgroups, 0, NULL);
			syscall(SYS_setresgid, of[round].group, of[round].group, of[round].group);
			syscall(SYS_setresuid, of[round].user, of[round].user, of[round].user);
			show(of[round].name, id);
			CALL(shmat(id, NULL, SHM_RDONLY) == (void *)-1);
			CALL(shmat(id, NULL, 0) == (void *)-1);
			CALL(shmctl(id, IPC_SET, &d));
			CALL(shmctl(id, SHM_LOCK, NULL));
			CALL(round == 0 ? 0 : shmctl(id, IPC_RMID, NULL));
			_exit(0);
		}
		wait(&status);
	}
	CALL(shmctl(id, IPC_RMID, NULL));
}

static void ends(void)
{
	int id = DONE(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600)), status;
	if (fork() == 0) {
		strcpy(shmat(id, NULL, 0), "left behind");
		_exit(0);
	}
	wait(&status);
	show("nobody has it", id);
	if (fork() == 0) {
		char *at = shmat(id, NULL, 0);
		SHOW("found", "%s", at);
		char *const arguments[] = { "true", NULL };
		execv("/bin/true", arguments);
		execv("/bin/busybox", arguments);
		_exit(9);
	}
	wait(&status);
	SHOW("status", "%x", status);
	show("nor after an exec", id);
	CALL(shmctl(id, IPC_RMID, NULL));
}

int main(void)
{
	calls_begin();
	RUN(making);
	RUN(attaching);
	if (calls_with("root")) {
		RUN(permissions);
	}
	RUN(ends);
	return 0;
}
