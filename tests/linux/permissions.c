/* SPDX-License-Identifier: MIT */
/* Users and permissions, as root and as what root became: IDs, modes, owners, who may do what to files and processes. */
#include "calls.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

static void show_ids(const char *name)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;
	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	calls_line("show_ids", name, "%d %d %d, %d %d %d", (int)r, (int)e, (int)s, (int)gr, (int)ge, (int)gs);
}

static void users(void)
{
	show_ids("at first");
	CALL(syscall(SYS_setresuid, -1, 1000, -1));
	show_ids("effective 1000");
	CALL(syscall(SYS_setuid, 2000));
	CALL(syscall(SYS_setreuid, -1, 2000));
	CALL(syscall(SYS_setreuid, 1000, -1));
	show_ids("real 1000");
	CALL(syscall(SYS_setresuid, -1, 0, -1));
	show_ids("effective 0 by the saved");
	CALL(syscall(SYS_setreuid, 5, 6));
	show_ids("5 and 6");
	CALL(syscall(SYS_setuid, 5));
	show_ids("effective 5");
	CALL(syscall(SYS_setuid, 0));
	CALL(syscall(SYS_setresuid, 6, 6, 6));
	CALL(syscall(SYS_setresuid, 5, 5, 0));
	show_ids("all 6");
	CALL(syscall(SYS_setresuid, -1, -1, -1));
	CALL(syscall(SYS_setuid, -1));
	CALL(syscall(SYS_getresuid, NOWHERE, NOWHERE, NOWHERE));
}

static void user_for_good(void)
{
	CALL(syscall(SYS_setuid, 1000));
	show_ids("all 1000");
	CALL(syscall(SYS_setuid, 0));
	CALL(syscall(SYS_setreuid, 0, 0));
	CALL(syscall(SYS_setgid, 5));
	CALL(setgroups(0, NULL));
	CALL(setpriority(PRIO_PROCESS, 0, 5));
	CALL(setpriority(PRIO_PROCESS, 0, -5));
	CALL(sethostname("x", 1));
	CALL(chroot("."));
	CALL(kill(getppid(), 0));
	CALL(kill(1, 0));
	CALL(syscall(SYS_clock_settime, 0, &(struct timespec){ 1000, 0 }));
	CALL(syscall(SYS_reboot, 0, 0, 0, NULL));
	CALL(syscall(SYS_mount, "none", ".", "tmpfs", 0, NULL));
	CALL(syscall(SYS_umount2, "/proc", 0));
	CALL(syscall(SYS_setpriority, PRIO_PROCESS, 1, 10));
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_max++;
	CALL(setrlimit(RLIMIT_NOFILE, &limit));
}

static void group_ids(void)
{
	gid_t list[64] = { 7, 5, 7 };
	CALL(syscall(SYS_setresgid, -1, 1000, -1));
	show_ids("effective group 1000");
	CALL(syscall(SYS_setregid, 20, 30));
	show_ids("groups 20 and 30");
	CALL(setgroups(3, list));
	CALL(getgroups(0, NULL));
	CALL(getgroups(64, list));
	SHOW("groups", "%d %d %d", (int)list[0], (int)list[1], (int)list[2]);
	CALL(getgroups(2, list));
	CALL(getgroups(-1, list));
	CALL(setgroups(70000, list));
	CALL(setgroups(2, NOWHERE));
	CALL(setgroups(0, NULL));
	CALL(getgroups(64, list));
	CALL(syscall(SYS_setgid, 40));
	show_ids("group 40");
	CALL(syscall(SYS_setgid, -1));
	CALL(setfsuid(99));
	CALL(setfsuid(-1));
	CALL(setfsgid(99));
	CALL(setfsgid(-1));
	show_ids("the others are as they were");
}

static void modes(void)
{
	struct stat st;
	make_file("file", "");
	mkdir("dir", 0755);
	symlink("file", "link");
	CALL(chmod("file", 07777));
	stat("file", &st);
	SHOW("mode", "%o", st.st_mode);
	CALL(chmod("file", 0170644));
	stat("file", &st);
	SHOW("mode", "%o", st.st_mode);
	CALL(chmod("none", 0644));
	CALL(chmod("file/x", 0644));
	CALL(chmod("link", 0600));
	CALL(fchmod(99, 0600));
	CALL(fchmodat(AT_FDCWD, "file", 0640, 0));
	CALL(chown("file", 1000, 2000));
	stat("file", &st);
	SHOW("owner", "%d %d", (int)st.st_uid, (int)st.st_gid);
	CALL(chown("file", -1, -1));
	CALL(chown("file", -1, 3000));
	stat("file", &st);
	SHOW("owner", "%d %d", (int)st.st_uid, (int)st.st_gid);
	CALL(lchown("link", 5, 6));
	lstat("link", &st);
	SHOW("owner of the link", "%d %d", (int)st.st_uid, (int)st.st_gid);
	CALL(chown("none", 0, 0));
	CALL(fchown(99, 0, 0));
	CALL(fchownat(AT_FDCWD, "link", 7, 8, AT_SYMLINK_NOFOLLOW));
	CALL(fchownat(AT_FDCWD, "link", 7, 8, 0x10));
	CALL(fchownat(open("file", O_RDONLY), "", 9, 9, AT_EMPTY_PATH));
	chmod("file", 06755);
	CALL(chown("file", 1, 1));
	stat("file", &st);
	SHOW("set-ID bits after chown", "%o", st.st_mode);
	chmod("file", 06755);
	int fd = open("file", O_WRONLY);
	write(fd, "x", 1);
	stat("file", &st);
	SHOW("set-ID bits after root wrote", "%o", st.st_mode);
	chmod("dir", 02775);
	chown("dir", 0, 77);
	make_file("dir/file", "");
	mkdir("dir/dir", 0755);
	stat("dir/file", &st);
	SHOW("group by a set-group-ID directory", "%d %o", (int)st.st_gid, st.st_mode);
	stat("dir/dir", &st);
	SHOW("group by a set-group-ID directory", "%d %o", (int)st.st_gid, st.st_mode);
	CALL(umask(0177777));
	CALL(umask(022));
	CALL(access("file", X_OK));
	chmod("file", 0644);
	CALL(access("file", X_OK));
	CALL(access("file", R_OK | W_OK));
	chmod("file", 0);
	CALL(access("file", R_OK | W_OK));
	CALL(close(open("file", O_RDWR)));
}

static void as_another(void)
{
	struct stat st;
	char target[8];
	mkdir("closed", 0700);
	make_file("closed/file", "");
	mkdir("readable", 0744);
	make_file("readable/file", "");
	mkdir("passable", 0711);
	make_file("passable/file", "");
	mkdir("sticky", 01777);
	make_file("sticky/file", "");
	mkdir("open", 0777);
	chmod("sticky", 01777);
	chmod("open", 0777);
	make_file("open/root's", "text");
	make_file("group's", "");
	chown("group's", 0, 500);
	chmod("group's", 0670);
	make_file("mine", "");
	chown("mine", 1000, 0);
	chmod("mine", 0077);
	int fd = open("open/root's", O_RDWR);
	gid_t extra = 500;
	setgroups(1, &extra);
	syscall(SYS_setresgid, 1000, 1000, 1000);
	syscall(SYS_setresuid, 1000, 1000, 1000);
	CALL(open("closed/file", O_RDONLY));
	CALL(stat("closed/file", &st));
	CALL(access("closed", R_OK));
	CALL(chdir("closed"));
	CALL(close(open("readable", O_RDONLY)));
	CALL(stat("readable/file", &st));
	CALL(open("passable", O_RDONLY));
	CALL(close(open("passable/file", O_RDONLY)));
	CALL(open("passable/file", O_WRONLY));
	CALL(open("passable/new", O_RDWR | O_CREAT, 0600));
	CALL(unlink("passable/file"));
	CALL(rename("passable/file", "open/x"));
	CALL(unlink("sticky/file"));
	CALL(rename("sticky/file", "sticky/x"));
	CALL(close(open("sticky/own", O_RDWR | O_CREAT, 0600)));
	CALL(unlink("sticky/own"));
	CALL(chmod("open/root's", 0666));
	CALL(fchmod(fd, 0666));
	CALL(chown("open/root's", 1000, 1000));
	CALL(utimensat(AT_FDCWD, "open/root's", NULL, 0));
	CALL(utimensat(AT_FDCWD, "open/root's", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0));
	CALL(truncate("open/root's", 0));
	CALL(write(fd, "x", 1));
	CALL(close(open("group's", O_RDWR)));
	CALL(access("group's", X_OK));
	CALL(open("mine", O_RDONLY));
	CALL(chmod("mine", 0600));
	CALL(close(open("mine", O_RDWR)));
	CALL(chown("mine", 1001, -1));
	CALL(chown("mine", -1, 500));
	CALL(chown("mine", -1, 501));
	CALL(chown("mine", 1000, -1));
	CALL(chmod("mine", 02755));
	stat("mine", &st);
	SHOW("mode", "%o", st.st_mode);
	CALL(unlink("open/root's"));
	CALL(mkdir("x", 0700));
	CALL(mknod("open/device", S_IFCHR | 0600, 0x103));
	CALL(mknod("open/fifo", S_IFIFO | 0600, 0));
	CALL(link("group's", "open/link"));
	CALL(symlink("/closed", "open/soft"));
	CALL(readlink("open/soft", target, 8));
	CALL(open("/dev/null", O_RDWR) >= 0);
	make_file("open/suid", "x");
	chmod("open/suid", 06755);
	CALL(truncate("open/suid", 0));
	stat("open/suid", &st);
	SHOW("set-ID bits after a truncation", "%o", st.st_mode);
	syscall(SYS_execve, "passable/file", NULL, NULL);
	SHOW("exec", "%s", calls_error(errno));
}

static void real_and_effective(void)
{
	make_file("file", "");
	chmod("file", 0600);
	syscall(SYS_setresuid, 1000, 0, 0);
	CALL(access("file", R_OK));
	CALL(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 0x200));
	CALL(close(open("file", O_RDONLY)));
	setfsuid(1000);
	CALL(open("file", O_RDONLY));
	setfsuid(0);
	CALL(close(open("file", O_RDONLY)));
}

static void signals_to_others(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		pause();
	}
	if (fork() == 0) {
		syscall(SYS_setresuid, 1000, 1000, 1000);
		CALL(kill(child, 0));
		CALL(kill(child, SIGTERM));
		CALL(kill(child, SIGCONT));
		CALL(syscall(SYS_sched_setaffinity, child, 8, &(uint64_t){ 1 }));
		CALL(setpriority(PRIO_PROCESS, child, 1));
		CALL(getpriority(PRIO_PROCESS, child));
		CALL(syscall(SYS_prlimit64, child, RLIMIT_CORE, NULL, &(struct rlimit){ 0 }));
		_exit(0);
	}
	wait(&status);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	SHOW("status", "%x", status);
}

static void show_mode(const char *name)
{
	struct stat s;
	CALL(stat(name, &s));
	SHOW(name, "%o %d %d", (unsigned)s.st_mode, (int)s.st_uid, (int)s.st_gid);
}

/* Files and directories below one whose group they get: what of that is for somebody who is not in it. */
static void group_of_the_directory(void)
{
	umask(0);
	CALL(mkdir("group", 0777));
	CALL(chown("group", 0, 50));
	CALL(chmod("group", 02777));
	CALL(chmod(".", 0755));
	CALL(syscall(SYS_setresgid, 1000, 1000, 1000));
	CALL(syscall(SYS_setresuid, 1000, 1000, 1000));
	DONE(open("group/program", O_CREAT | O_RDWR, 02755));
	show_mode("group/program");
	DONE(open("group/locked", O_CREAT | O_RDWR, 02745));
	show_mode("group/locked");
	CALL(mknod("group/node", S_IFREG | 06755, 0));
	show_mode("group/node");
	CALL(mkdir("group/below", 0777));
	show_mode("group/below");
	CALL(chmod("group/program", 06755));
	show_mode("group/program");
	CALL(chmod("group/below", 02777));
	show_mode("group/below");
	CALL(chown("group/program", -1, 1000));
	CALL(chmod("group/program", 06755));
	show_mode("group/program");
	CALL(chown("group/program", -1, 1000));
	show_mode("group/program");
}

int main(void)
{
	calls_begin();
	setgroups(0, NULL);
	RUN(users);
	chmod(".", 0755);
	RUN(user_for_good);
	RUN(group_ids);
	RUN(modes);
	RUN(group_of_the_directory);
	RUN(as_another);
	RUN(real_and_effective);
	RUN(signals_to_others);
	return 0;
}
