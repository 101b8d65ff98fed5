/* SPDX-License-Identifier: MIT */
/* The tree of /proc: a walk through it ends, and directories tell how many are in them. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "check.h"

static int deepest;

static int step(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	deepest = at->level > deepest ? at->level : deepest;
	return at->level > 10;
}

/* /proc/self/task/TID/net/... and the like of Linux are within ten levels; below /proc/self alone, as the rest changes meanwhile. */
static void walk_ends(void)
{
	char own[32];
	snprintf(own, sizeof(own), "/proc/%d", getpid());
	CHECK(nftw(own, step, 16, FTW_PHYS) == 0 && deepest >= 3);
}

static void thread_directory(void)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/self/task/%d", getpid());
	CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
	strcat(path, "/stat");
	CHECK(stat(path, &st) == 0 && S_ISREG(st.st_mode));
	strcpy(strrchr(path, '/'), "/task");
	CHECK(stat(path, &st) == -1 && errno == ENOENT);
	strcpy(strrchr(path, '/'), "/fd/1");
	CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
}

static bool links_are_right(const char *path)
{
	struct stat st;
	struct dirent *e;
	nlink_t directories = 0;
	DIR *d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		directories += e->d_type == DT_DIR;
	}
	return d && closedir(d) == 0 && stat(path, &st) == 0 && st.st_nlink == directories;
}

static void links(void)
{
	CHECK(links_are_right("/proc/self/task"));
	CHECK(links_are_right("/proc/self"));
}

/* Descriptors that are far apart are all there, in their order. */
static void descriptors(void)
{
	int seen = 0, last = -1;
	struct dirent *e;
	CHECK(fcntl(1, F_DUPFD, 900) == 900);
	DIR *d = opendir("/proc/self/fd");
	CHECK(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.') {
			CHECK(atoi(e->d_name) > last);
			last = atoi(e->d_name);
			seen++;
		}
	}
	CHECK(last == 900 && seen >= 4 && closedir(d) == 0 && close(900) == 0);
}

/* One source for both: they differ by what five seconds change, and by rounding. */
static bool loads_agree(void)
{
	struct sysinfo info;
	double average[3];
	bool agree = true;
	FILE *f = fopen("/proc/loadavg", "r");
	if (!f || fscanf(f, "%lf %lf %lf", &average[0], &average[1], &average[2]) != 3 || fclose(f) || sysinfo(&info)) {
		return false;
	}
	for (int i = 0; i < 3; i++) {
		double difference = average[i] - (double)info.loads[i] / 65536;
		agree = agree && difference < 0.5 && difference > -0.5;
	}
	return agree;
}

/* On a host with much work the five seconds may be over just between the two: then not the next time. */
static void load(void)
{
	CHECK(loads_agree() || loads_agree() || loads_agree());
}

static void processor(void)
{
	char text[8192];
	int fd = open("/proc/cpuinfo", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0 && close(fd) == 0);
	text[n] = '\0';
	const char *mhz = strstr(text, "cpu MHz\t\t: ");
	CHECK(mhz && atof(mhz + 11) > 1);
	CHECK(strstr(text, "clflush size\t: 64\n") && strstr(text, "address sizes\t: "));
}

/* top and vmstat keep their files open: each reading from the start on tells what is true then, the rest of a text belongs to its start. */
static void again_from_the_start(void)
{
	char first[64] = "", text[64] = "";
	int fd = open("/proc/uptime", O_RDONLY);
	CHECK(fd >= 0 && read(fd, first, sizeof(first) - 1) > 4);
	usleep(50000);
	CHECK(read(fd, text, sizeof(text) - 1) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, sizeof(text) - 1) > 4);
	CHECK(atof(text) >= atof(first) + 0.04);
	usleep(50000);
	CHECK(pread(fd, first, sizeof(first) - 1, 0) > 4 && atof(first) >= atof(text) + 0.04);
	CHECK(close(fd) == 0);
	fd = open("/proc/self/comm", O_RDONLY);
	CHECK(read(fd, first, 3) == 3 && memcmp(first, "pro", 3) == 0);
	CHECK(read(fd, text, sizeof(text) - 1) == 4 && memcmp(text, "cfs\n", 4) == 0 && close(fd) == 0);
}

int main(void)
{
	RUN(thread_directory);
	RUN(walk_ends);
	RUN(links);
	RUN(descriptors);
	RUN(load);
	RUN(processor);
	RUN(again_from_the_start);
	return check_failures;
}
