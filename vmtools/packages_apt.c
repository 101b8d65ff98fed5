/* SPDX-License-Identifier: MIT */
/*
 * See packages.h. apt works in directories of its own with an empty status file: it takes nothing for installed, needs no rights, and
 * leaves the host's packages alone. Its own signatures and checksums vouch for what it fetches. Only the lists' and packages' sources are
 * the host's, where that is a Debian 12, so that its mirror and proxy are used.
 */
#include "packages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32.h"
#include "compile.h"
#include "say.h"
#include "spawn.h"

#define RELEASE "bookworm"
#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define PATH_SIZE 700
#define ARGUMENTS 24
#define LISTS_ROOM (160ull << 20) /* for lists, packed and unpacked, and apt's cache of them */

/*
 * In every root, beside what is asked for: Debian's essential packages, which others use without naming them (Debian Policy, 3.8); dpkg comes by
 * itself. usr-is-merged tells apt that /usr is merged, so that it does not take the program that would merge it.
 */
static const char *const essential_packages[] = { "base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "debianutils", "diffutils",
						  "findutils", "grep", "gzip", "hostname", "init-system-helpers", "libc-bin", "login", "ncurses-base",
						  "ncurses-bin", "perl-base", "sed", "sysvinit-utils", "tar", "usr-is-merged", "util-linux" };

#define ESSENTIAL_COUNT (sizeof(essential_packages) / sizeof(essential_packages[0]))

uint32_t packages_apt_sum(uint32_t sum)
{
	for (size_t i = 0; i < ESSENTIAL_COUNT; i++) {
		sum = crc32_update(sum, essential_packages[i], strlen(essential_packages[i]) + 1);
	}
	return sum;
}

#define VIRTUAL " is a virtual package provided by:"

static bool is_reason(const char *line)
{
	return strncmp(line, "E: ", 3) == 0 || strstr(line, VIRTUAL) || strstr(line, "No space left") || strstr(line, "nmet dependencies");
}

void packages_note(char *why, const char *line)
{
	if (strstr(line, VIRTUAL)) { /* its providers follow, a line each: "  mawk 1.3.4" */
		snprintf(why, PACKAGES_WHY, "%s", line + strlen("Package "));
	} else if (strstr(why, VIRTUAL) && strncmp(line, "  ", 2) == 0) {
		size_t length = strlen(why);
		snprintf(why + length, PACKAGES_WHY - length, " %.*s", (int)strcspn(line + 2, " "), line + 2);
	} else if (!is_reason(why) && (is_reason(line) || strncmp(line, "W: ", 3) != 0)) {
		snprintf(why, PACKAGES_WHY, "%s", line);
	}
}

int packages_explain(const struct packages *p, const char *why)
{
	static const char *const network[] = { "Could not resolve", "Failed to fetch", "Temporary failure", "Could not connect", "Unable to connect",
					       "is not signed", "does not have a Release file", "Some index files failed" };
	if (strstr(why, "No space left") || strstr(why, "enough free space")) {
		return fail(VMCTL_HOST, "the disk is full: make room in /tmp and in %s (XDG_CACHE_HOME moves that one): %s", p->cache, why);
	}
	if (strstr(why, VIRTUAL)) {
		return fail(VMCTL_IMAGE, "%s: choose one", why);
	}
	if (strstr(why, "Unable to locate package") || strstr(why, "has no installation candidate") || strstr(why, "Couldn't find any package") ||
	    strstr(why, "was not found")) {
		return fail(VMCTL_IMAGE, "Debian 12 has no such package (%s): \"apt-cache search WORD\" finds the right name, --update fetches new lists",
			    why);
	}
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++) {
		if (strstr(why, network[i])) {
			return fail(VMCTL_HOST, "Debian's archive can't be reached (%s): look at the network and at apt's proxy, or name another --mirror",
				    why);
		}
	}
	return fail(VMCTL_IMAGE, "the packages can't be put together: %s", *why ? why : "no reason was given");
}

/* Run apt-get with its own configuration and these words; what it says goes to `take`. -1: it failed, else as spawn_lines. */
static int apt(const struct packages *p, const char *const words[], void (*take)(void *to, char *line), void *to)
{
	char config[PATH_SIZE];
	const char **argv = calloc(ARGUMENTS + ESSENTIAL_COUNT + PACKAGES_MAX, sizeof(*argv));
	if (!argv || !spawn_find("apt-get")) {
		free(argv);
		return fail(VMCTL_HOST, "no memory for apt-get's arguments");
	}
	snprintf(config, sizeof(config), "%s/apt.conf", p->apt);
	char *program = strdup(spawn_find("apt-get")); /* as vmctl finds it, whatever PATH says */
	const char *const start[] = { "env", "LC_ALL=C", program, "-c", config, "-q", "-y" };
	unsigned n = sizeof(start) / sizeof(start[0]);
	memcpy(argv, start, sizeof(start));
	bool installs = false;
	for (; *words; words++) {
		installs = strcmp(*words, "install") == 0;
		argv[n++] = *words;
	}
	for (unsigned i = 0; installs && i < ESSENTIAL_COUNT; i++) {
		argv[n++] = essential_packages[i];
	}
	for (unsigned i = 0; installs && i < p->count; i++) {
		argv[n++] = p->names[i];
	}
	int status = spawn_lines(argv, "apt", take, to);
	free(program);
	free(argv);
	return status;
}

static int write_file(const struct packages *p, const char *name, const char *text)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/%s", p->apt, name);
	FILE *file = fopen(path, "we");
	bool good = file && fputs(text, file) >= 0;
	good = file && fclose(file) == 0 && good;
	return good ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
}

static int write_config(const struct packages *p)
{
	char text[8 * PATH_SIZE];
	snprintf(text, sizeof(text),
		 "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg;\n#clear Acquire::IndexTargets::deb::DEP-11;\n"
		 "Dir::State \"%s\";\nDir::State::status \"%s/status\";\nDir::State::lists \"%s/lists\";\nDir::Cache \"%s\";\n"
		 "Dir::Cache::archives \"%s/archives\";\nDir::Cache::pkgcache \"pkgcache.bin\";\nDir::Cache::srcpkgcache \"srcpkgcache.bin\";\n"
		 "Dir::Etc::sourcelist \"%s/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n"
		 "Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n"
		 "APT::Architecture \"amd64\";\n#clear APT::Architectures;\nAPT::Architectures { \"amd64\"; };\n"
		 "APT::Install-Recommends \"false\";\nAPT::Install-Suggests \"false\";\nAPT::Default-Release \"\";\nAPT::Sandbox::User \"root\";\n"
		 "APT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\nAcquire::Retries \"2\";\n",
		 p->apt, p->apt, p->apt, p->apt, p->apt, p->apt);
	return write_file(p, "apt.conf", text);
}

/* Lines "URI RELEASE" of the host's apt, of those the ones that are Debian 12's, each once, as sources; `to` is a text of SOURCES_SIZE. */
#define SOURCES_SIZE 4096
static void take_target(void *to, char *line)
{
	char entry[400], *sources = to, *space = strchr(line, ' ');
	if (!space || strncmp(space + 1, RELEASE, strlen(RELEASE)) != 0) {
		return;
	}
	snprintf(entry, sizeof(entry), "deb [arch=amd64 signed-by=" KEYRING "] %.300s main\n", line);
	if (!strstr(sources, entry) && strlen(sources) + strlen(entry) < SOURCES_SIZE) {
		strcat(sources, entry);
	}
}

static int write_sources(const struct packages *p)
{
	char text[SOURCES_SIZE] = "";
	if (p->mirror) {
		const char *const options = "deb [arch=amd64 signed-by=" KEYRING "]";
		snprintf(text, sizeof(text), "%s %.400s " RELEASE " main\n%s %.400s " RELEASE "-updates main\n", options, p->mirror, options, p->mirror);
	} else {
		const char *const argv[] = { "apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", NULL };
		spawn_lines(argv, "apt", take_target, text);
	}
	if (!*text) {
		return fail(VMCTL_HOST, "this host's apt has no source of Debian 12's (" RELEASE "): name an archive by --mirror URI");
	}
	return write_file(p, "sources.list", text);
}

static void take_note(void *to, char *line)
{
	packages_note(to, line);
}

/* apt-get waits for ever where its lists do not fit: is there room for them? 0 or a vmctl status. */
static int check_room(const struct packages *p)
{
	struct statvfs room;
	if (statvfs(p->apt, &room) == 0 && (uint64_t)room.f_bavail * room.f_frsize < LISTS_ROOM) {
		return fail(VMCTL_HOST, "the disk is full: Debian's lists of packages need %llu MiB in %s (XDG_CACHE_HOME moves it)", LISTS_ROOM >> 20,
			    p->cache);
	}
	return 0;
}

/* Fetch the archive's lists, and forget packages that are no longer in them. */
static int update(const struct packages *p)
{
	char why[PACKAGES_WHY] = "", now[64];
	const char *const words[] = { "update", NULL }, *const clean[] = { "autoclean", NULL };
	struct timespec time;
	int status = check_room(p);
	if (status) {
		return status;
	}
	packages_progress("fetching Debian's lists of packages");
	status = apt(p, words, take_note, why);
	if (status) {
		return status < 0 ? packages_explain(p, why) : status;
	}
	apt(p, clean, take_note, why);
	clock_gettime(CLOCK_REALTIME, &time);
	snprintf(now, sizeof(now), "%lld\n", (long long)time.tv_sec * 1000000000ll + time.tv_nsec);
	return write_file(p, "fetched", now);
}

uint64_t packages_apt_stamp(const struct packages *p)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/fetched", p->apt);
	char *text = compile_read_text(path);
	uint64_t stamp = text ? strtoull(text, NULL, 10) : 0;
	free(text);
	return stamp;
}

int packages_apt_open(struct packages *p)
{
	static const char *const directories[] = { "", "/lists", "/lists/partial", "/archives", "/archives/partial" };
	if (!spawn_find("apt-get") || !spawn_find("dpkg-deb")) {
		return fail(VMCTL_HOST, "apt-get and dpkg-deb are not there: --packages needs a Debian, or a system with Debian's apt and dpkg");
	}
	if (access(KEYRING, R_OK) != 0) {
		return fail(VMCTL_HOST, KEYRING " is missing: run \"apt-get install debian-archive-keyring\" as root");
	}
	if (p->mirror) {
		snprintf(p->apt, sizeof(p->apt), "%s/a%08x", p->cache, crc32_update(0, p->mirror, strlen(p->mirror)));
	}
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		char path[PATH_SIZE];
		snprintf(path, sizeof(path), "%s%s", p->apt, directories[i]);
		if (mkdir(path, 0755) != 0 && errno != EEXIST) {
			return fail(VMCTL_HOST, "%s can't be made: %s", path, strerror(errno));
		}
	}
	if (!p->update && packages_apt_stamp(p)) {
		return 0;
	}
	int status = write_config(p);
	status = status ? status : write_file(p, "status", "");
	status = status ? status : write_sources(p);
	return status ? status : update(p);
}

struct resolution {
	const struct packages *p;
	FILE *list;
	unsigned count, missing;
	char why[PACKAGES_WHY];
};

/* "Inst libc6 (2.36-9 Debian:12 [amd64])": a package, in an order in which it can be unpacked. apt's cache has it under this name. */
static void take_plan(void *to, char *line)
{
	struct resolution *r = to;
	char name[128], version[128], architecture[32], path[PATH_SIZE + 400], escaped[200];
	const char *parenthesis = strchr(line, '('), *bracket = parenthesis ? strchr(parenthesis, '[') : NULL;
	if (sscanf(line, "Inst %127s (%127s", name, version) != 2 || !bracket || sscanf(bracket, "[%31[a-z0-9]", architecture) != 1) {
		packages_note(r->why, line);
		return;
	}
	name[strcspn(name, ":")] = '\0';
	size_t n = 0;
	for (const char *c = version; *c && n + 4 < sizeof(escaped); c++) {
		n += (size_t)snprintf(escaped + n, sizeof(escaped) - n, *c == ':' ? "%%3a" : "%c", *c);
	}
	snprintf(path, sizeof(path), "%s/archives/%s_%s_%s.deb", r->p->apt, name, escaped, architecture);
	r->count++;
	r->missing += access(path, R_OK) != 0;
	fprintf(r->list, "%s\n", path);
}

/* What apt would install, to `list`. 0, with how many packages the cache lacks in *missing, or a vmctl status. */
static int resolve(const struct packages *p, const char *list, unsigned *missing)
{
	struct resolution r = { .p = p, .list = fopen(list, "we") };
	const char *const words[] = { "-s", "install", NULL };
	if (!r.list) {
		return fail(VMCTL_HOST, "%s can't be written: %s", list, strerror(errno));
	}
	packages_progress("resolving what the packages need");
	int status = apt(p, words, take_plan, &r);
	*missing = r.missing;
	if (fclose(r.list) != 0) {
		return fail(VMCTL_HOST, "%s can't be written: %s", list, strerror(errno));
	}
	return status < 0 ? packages_explain(p, r.why) : status;
}

struct fetching {
	unsigned done, count;
	char why[PACKAGES_WHY];
};

/* "Get:1 http://... bookworm/main amd64 libc6 amd64 2.36-9 [2756 kB]" */
static void take_fetched(void *to, char *line)
{
	struct fetching *f = to;
	char name[128], text[200];
	packages_note(f->why, line);
	if (sscanf(line, "Get:%*u %*s %*s %*s %127s", name) == 1) {
		snprintf(text, sizeof(text), "fetching %u of %u packages: %s", ++f->done, f->count, name);
		packages_progress(text);
	}
}

static int fetch(const struct packages *p, unsigned missing, char *why)
{
	struct fetching f = { .count = missing };
	const char *const words[] = { "-d", "install", NULL };
	int status = missing ? apt(p, words, take_fetched, &f) : 0;
	snprintf(why, PACKAGES_WHY, "%s", f.why);
	return status;
}

int packages_apt_fetch(struct packages *p, const char *list)
{
	unsigned missing;
	char why[PACKAGES_WHY];
	int status = resolve(p, list, &missing);
	if (status) {
		return status;
	}
	status = fetch(p, missing, why);
	if (status < 0 && !p->update) { /* a newer version may have taken a package's place since the lists were fetched */
		status = update(p);
		status = status ? status : resolve(p, list, &missing);
		status = status ? status : fetch(p, missing, why);
	}
	return status < 0 ? packages_explain(p, why) : status;
}
