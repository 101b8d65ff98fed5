/* SPDX-License-Identifier: MIT */
/*
 * See bench.h. /proc/bulkhead has a line per domain: "domain=NAME", then "reason=count" words. Words that are no exit counts
 * ("epoch=", "vcpus=", "..._cycles=") are left out of the sum.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const reasons[] = { "interrupt", "hypercall", "mmio", "io", "msr", "cpuid", "hlt", "window", "page_fault", "other" };

static int is_reason(const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strlen(reasons[i]) == length && strncmp(reasons[i], word, length) == 0) {
			return 1;
		}
	}
	return 0;
}

static void add_line(struct exits *exits, char *line)
{
	static const char key[] = "domain=";
	char *save, *name = strtok_r(line, " \t", &save);
	if (!name || strncmp(name, key, strlen(key)) != 0 || exits->domain_count == EXITS_DOMAINS) {
		return;
	}
	unsigned index = exits->domain_count++;
	snprintf(exits->domains[index].name, sizeof(exits->domains[0].name), "%s", name + strlen(key));
	for (char *word = strtok_r(NULL, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		char *equals = strchr(word, '=');
		if (equals && is_reason(word, (size_t)(equals - word))) {
			exits->domains[index].count += strtoull(equals + 1, NULL, 10);
		}
	}
}

void exits_read(struct exits *exits)
{
	char text[8192];
	memset(exits, 0, sizeof(*exits));
	int fd = open("/proc/bulkhead", O_RDONLY);
	if (fd < 0) {
		return;
	}
	size_t used = 0;
	for (ssize_t n; used < sizeof(text) - 1 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0;) {
		used += (size_t)n;
	}
	close(fd);
	text[used] = '\0';
	char *save;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		add_line(exits, line);
	}
}

static uint64_t count_between(const struct exits *before, const struct exits *after, unsigned domain)
{
	return after->domains[domain].count - (before ? before->domains[domain].count : 0);
}

void exits_print(FILE *to, const struct exits *before, const struct exits *after)
{
	uint64_t sum = 0;
	if (after->domain_count == 0) {
		return;
	}
	for (unsigned i = 0; i < after->domain_count; i++) {
		sum += count_between(before, after, i);
	}
	fprintf(to, " exits=%llu", (unsigned long long)sum);
	for (unsigned i = 0; i < after->domain_count; i++) {
		fprintf(to, " exits.%s=%llu", after->domains[i].name, (unsigned long long)count_between(before, after, i));
	}
}
