/* SPDX-License-Identifier: MIT */
/*
 * The manifest's lines: one directive a line, words apart by blanks, '#' starts a comment, a lone '='
 * behind the first word is allowed. Each directive has one function below that judges its words and
 * stores the result; the table says how many words it takes and where it may stand.
 */
#include "manifest.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "base/string.h"
#include "quantity.h"

#define MAX_WORDS 64
#define MEMORY_MAX (64ull << 30)

struct line {
	struct manifest *m;
	unsigned number;
	struct bundle_domain *domain; /* the one that the line belongs to; NULL at the top level */
	char *rest; /* the text behind the directive, trimmed */
	char *words[MAX_WORDS]; /* of the same, without the directive */
	unsigned word_count;
};

#define line_error(l, ...) manifest_error((l)->m, (l)->number, __VA_ARGS__)

static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return name[length] == '\0' && length > 0 && length < sizeof(((struct bundle_domain *)0)->name);
}

static void domain_directive(struct line *l)
{
	struct manifest *m = l->m;
	const char *name = l->words[0];
	if (!name_is_valid(name)) {
		line_error(l, "\"%s\" is not a domain name: use 1 to 15 of a-z, 0-9 and '-'", name);
	} else if (manifest_domain(m, name)) {
		line_error(l, "domain \"%s\" is defined twice, first at line %u: choose another name", name,
			   m->domains[manifest_domain(m, name) - m->header.domains].line);
	}
	if (m->header.domain_count == BUNDLE_MAX_DOMAINS) {
		line_error(l, "too many domains: a bundle holds at most %d", BUNDLE_MAX_DOMAINS);
		return;
	}
	uint32_t index = m->header.domain_count++;
	struct bundle_domain *domain = &m->header.domains[index];
	string_copy(domain->name, name, sizeof(domain->name));
	domain->image = domain->module = UINT32_MAX;
	domain->vcpus = 1;
	domain->cpu_mask = UINT64_MAX;
	domain->priority = MANIFEST_DEFAULT_PRIORITY;
	m->domains[index].line = l->number;
}

static void link_directive(struct line *l)
{
	struct manifest *m = l->m;
	uint32_t kind = strcmp(l->words[0], "block") == 0 ? 2 : strcmp(l->words[0], "net") == 0 ? 1 : 0;
	if (kind == 0) {
		line_error(l, "\"%s\" is not a kind of link: use \"block\" or \"net\"", l->words[0]);
	}
	if (m->header.link_count == BUNDLE_MAX_LINKS) {
		line_error(l, "too many links: a bundle holds at most %d", BUNDLE_MAX_LINKS);
		return;
	}
	uint32_t index = m->header.link_count++;
	m->header.links[index].kind = kind;
	m->links[index].line = l->number;
	string_copy(m->links[index].front, l->words[1], sizeof(m->links[index].front));
	string_copy(m->links[index].back, l->words[2], sizeof(m->links[index].back));
}

static void set_flag(struct line *l, uint32_t flag)
{
	bool no = l->word_count == 1 && strcmp(l->words[0], "no") == 0;
	if (l->word_count == 1 && !no && strcmp(l->words[0], "yes") != 0) {
		line_error(l, "\"%s\" is neither \"yes\" nor \"no\"", l->words[0]);
	}
	if (!no) {
		l->domain->flags |= flag;
	}
}

static void main_directive(struct line *l)
{
	set_flag(l, BUNDLE_MAIN);
}

static void unfenced_directive(struct line *l)
{
	set_flag(l, BUNDLE_UNFENCED);
}

static void keep_module_directive(struct line *l)
{
	set_flag(l, BUNDLE_KEEP_MODULE);
}

static void test_no_reset_directive(struct line *l)
{
	set_flag(l, BUNDLE_TEST_NO_RESET);
}

static uint32_t add_image(struct line *l)
{
	int index = manifest_image(l->m, l->words[0], l->number, (uint32_t)(l->domain - l->m->header.domains));
	if (index == -ENOSPC) {
		line_error(l, "too many images: a bundle holds at most %d", BUNDLE_MAX_IMAGES);
	} else if (index < 0) {
		line_error(l, "the name of image \"%s\" is too long: use at most 31 characters", l->words[0]);
	}
	return index < 0 ? 0 : (uint32_t)index;
}

static void image_directive(struct line *l)
{
	l->domain->image = add_image(l);
}

static void module_directive(struct line *l)
{
	l->domain->module = add_image(l);
}

static void memory_directive(struct line *l)
{
	uint64_t bytes;
	if (quantity_size(l->words[0], &bytes) != 0) {
		line_error(l, "\"%s\" is not a size: write a number and K, M or G, as in 256M", l->words[0]);
	} else if (bytes == 0 || bytes > MEMORY_MAX || bytes & ((1 << 20) - 1)) {
		line_error(l, "memory %s is not allowed: use 1M to 64G in steps of 1M", l->words[0]);
	} else {
		l->domain->memory = bytes;
	}
}

/* A whole number from min to max, or an error and min. */
static uint32_t number_word(struct line *l, const char *what, const char *word, uint64_t min, uint64_t max)
{
	uint64_t value;
	int error = quantity_number(word, max, &value);
	if (error == -EINVAL) {
		line_error(l, "\"%s\" is not a number: %s takes %llu to %llu", word, what, (unsigned long long)min,
			   (unsigned long long)max);
	} else if (error || value < min) {
		line_error(l, "%s %s is out of range: use %llu to %llu", what, word, (unsigned long long)min,
			   (unsigned long long)max);
	} else {
		return (uint32_t)value;
	}
	return (uint32_t)min;
}

/* A duration in units of `unit_us` microseconds, within [min_us, max_us], or an error and the minimum. */
static uint32_t duration_word(struct line *l, const char *what, const char *word, uint64_t unit_us, uint64_t min_us, uint64_t max_us)
{
	uint64_t us;
	if (quantity_duration(word, &us) == -EINVAL) {
		line_error(l, "\"%s\" is not a duration: write a number and us, ms or s, as in 2s", word);
	} else if (us < min_us || us > max_us || us % unit_us) {
		line_error(l, "%s %s is out of range: use %lluus to %lluus in steps of %lluus", what, word,
			   (unsigned long long)min_us, (unsigned long long)max_us, (unsigned long long)unit_us);
	} else {
		return (uint32_t)(us / unit_us);
	}
	return (uint32_t)(min_us / unit_us);
}

static void vcpus_directive(struct line *l)
{
	l->domain->vcpus = number_word(l, "vcpus", l->words[0], 1, BH_MAX_VCPUS);
}

static void priority_directive(struct line *l)
{
	l->domain->priority = number_word(l, "priority", l->words[0], 0, 255);
}

static void cpus_directive(struct line *l)
{
	uint64_t mask = 0;
	if (l->word_count == 1 && strcmp(l->words[0], "all") == 0) {
		return;
	}
	for (char *word = strtok(l->rest, ", \t"); word; word = strtok(NULL, ", \t")) {
		char *dash = strchr(word, '-');
		if (dash) {
			*dash = '\0';
		}
		uint32_t first = number_word(l, "processor", word, 0, 63);
		uint32_t last = dash ? number_word(l, "processor", dash + 1, 0, 63) : first;
		if (last < first) {
			line_error(l, "processors %u-%u run backwards: write the lower one first", first, last);
		}
		for (uint32_t cpu = first; cpu <= last; cpu++) {
			mask |= 1ull << cpu;
		}
	}
	l->domain->cpu_mask = mask;
}

static void cmdline_directive(struct line *l)
{
	if (string_copy(l->domain->cmdline, l->rest, sizeof(l->domain->cmdline)) >= sizeof(l->domain->cmdline)) {
		line_error(l, "the command line has %zu characters: at most %zu are allowed", strlen(l->rest),
			   sizeof(l->domain->cmdline) - 1);
	}
}

static void restart_directive(struct line *l)
{
	if (l->word_count == 1 && strcmp(l->words[0], "never") == 0) {
		l->domain->restart_max = l->domain->restart_window_s = 0;
		return;
	}
	if (l->word_count != 3 || strcmp(l->words[1], "in") != 0) {
		line_error(l, "restart is written \"restart 100 in 60s\" or \"restart never\"");
		return;
	}
	l->domain->restart_max = number_word(l, "restart", l->words[0], 1, 1000000);
	l->domain->restart_window_s = duration_word(l, "restart window", l->words[2], 1000000, 1000000, 86400000000ull);
}

static void heartbeat_directive(struct line *l)
{
	l->domain->heartbeat_ms = duration_word(l, "heartbeat", l->words[0], 1000, 10000, 3600000000ull);
}

static void budget_directive(struct line *l)
{
	if (strcmp(l->words[1], "of") != 0) {
		line_error(l, "budget is written \"budget 500us of 10ms\"");
		return;
	}
	unsigned errors = l->m->error_count;
	l->domain->budget_us = duration_word(l, "budget", l->words[0], 1, 10, 1000000);
	l->domain->period_us = duration_word(l, "period", l->words[2], 1, 100, 1000000);
	if (l->domain->budget_us > l->domain->period_us && errors == l->m->error_count) {
		line_error(l, "budget %s is longer than its period %s: give at most the period", l->words[0], l->words[2]);
	}
}

/* "bus:device.function" in hexadecimal, with or without "0000:" before it. */
static int parse_bdf(const char *text, uint32_t *bdf)
{
	unsigned bus, device, function;
	int length = 0;
	if (strncmp(text, "0000:", 5) == 0) {
		text += 5;
	}
	if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text) ||
	    sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &length) != 3 || text[length] || device > 31 || function > 7) {
		return -EINVAL;
	}
	*bdf = bus << 8 | device << 3 | function;
	return 0;
}

static void device_by_class(struct line *l, struct bundle_device *device)
{
	char *end;
	unsigned long class = strtoul(l->words[1], &end, 16);
	if (strlen(l->words[1]) != 6 || *end || !isxdigit((unsigned char)l->words[1][0])) {
		line_error(l, "\"%s\" is not a device class: write six hexadecimal digits, as in 010601", l->words[1]);
	}
	device->kind = BUNDLE_DEV_CLASS;
	device->value = (uint32_t)class;
	if (l->word_count == 2) {
		return;
	}
	if (l->word_count != 4 || strcmp(l->words[2], "index") != 0) {
		line_error(l, "behind a device class only \"index N\" may stand");
		return;
	}
	device->index = number_word(l, "index", l->words[3], 0, 255);
}

static void device_directive(struct line *l)
{
	if (l->domain->device_count == BH_MAX_DEVICES) {
		line_error(l, "domain \"%s\" has too many devices: at most %d are allowed", l->domain->name, BH_MAX_DEVICES);
		return;
	}
	struct bundle_device *device = &l->domain->devices[l->domain->device_count++];
	if (strcmp(l->words[0], "class") == 0) {
		device_by_class(l, device);
	} else if (strcmp(l->words[0], "address") != 0) {
		line_error(l, "\"device %s\" is unknown: write \"device class 010601\" or \"device address 00:1f.2\"", l->words[0]);
	} else if (l->word_count != 2 || parse_bdf(l->words[1], &device->value) != 0) {
		line_error(l, "\"%s\" is not a PCI address: write bus:device.function, as in 00:1f.2", l->words[1]);
	} else {
		device->kind = BUNDLE_DEV_ADDRESS;
	}
}

static const struct directive {
	const char *name;
	void (*parse)(struct line *line);
	unsigned min_words, max_words;
	int seen; /* enum manifest_seen: may stand once in a domain; -1: top level; -2: many times */
	const char *usage;
} directives[] = {
	{ "domain", domain_directive, 1, 1, -1, "domain NAME" },
	{ "link", link_directive, 3, 3, -1, "link block FRONT BACK" },
	{ "main", main_directive, 0, 1, SEEN_MAIN, "main" },
	{ "image", image_directive, 1, 1, SEEN_IMAGE, "image FILE" },
	{ "module", module_directive, 1, 1, SEEN_MODULE, "module FILE" },
	{ "memory", memory_directive, 1, 1, SEEN_MEMORY, "memory 256M" },
	{ "vcpus", vcpus_directive, 1, 1, SEEN_VCPUS, "vcpus N" },
	{ "cpus", cpus_directive, 1, MAX_WORDS, SEEN_CPUS, "cpus 0,1" },
	{ "priority", priority_directive, 1, 1, SEEN_PRIORITY, "priority 100" },
	{ "cmdline", cmdline_directive, 0, MAX_WORDS, SEEN_CMDLINE, "cmdline TEXT" },
	{ "restart", restart_directive, 1, 3, SEEN_RESTART, "restart 100 in 60s" },
	{ "heartbeat", heartbeat_directive, 1, 1, SEEN_HEARTBEAT, "heartbeat 2s" },
	{ "unfenced", unfenced_directive, 0, 1, SEEN_UNFENCED, "unfenced = yes" },
	{ "keep-module", keep_module_directive, 0, 1, SEEN_KEEP_MODULE, "keep-module" },
	{ "budget", budget_directive, 3, 3, SEEN_BUDGET, "budget 500us of 10ms" },
	{ "test-no-reset", test_no_reset_directive, 0, 1, SEEN_TEST_NO_RESET, "test-no-reset" },
	{ "device", device_directive, 2, 4, -2, "device class 010601" },
};

static const struct directive *directive_find(const char *name)
{
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (strcmp(directives[i].name, name) == 0) {
			return &directives[i];
		}
	}
	return NULL;
}

static void run_directive(struct line *l, const struct directive *d)
{
	struct manifest *m = l->m;
	if (l->word_count < d->min_words || l->word_count > d->max_words) {
		line_error(l, "\"%s\" has %s words behind it: write \"%s\"", d->name,
			   l->word_count < d->min_words ? "too few" : "too many", d->usage);
		if (d->parse != domain_directive || l->word_count == 0) {
			return;
		}
	}
	if (d->seen != -1 && !l->domain) {
		line_error(l, "\"%s\" belongs to a domain: put it below a line \"domain NAME\"", d->name);
		return;
	}
	if (d->seen >= 0) {
		unsigned *seen = &m->domains[l->domain - m->header.domains].seen;
		if (*seen & 1u << d->seen) {
			line_error(l, "\"%s\" stands twice in domain \"%s\": keep one", d->name, l->domain->name);
			return;
		}
		*seen |= 1u << d->seen;
	} else if (d->seen == -2) {
		m->domains[l->domain - m->header.domains].seen |= 1u << SEEN_DEVICE;
	}
	d->parse(l);
}

/* Cut `text` (without comment) into the directive and its words. Returns the directive's name, NULL for an empty line. */
static char *split_line(struct line *l, char *text, char *copy)
{
	char *name = text + strspn(text, " \t\r");
	if (*name == '\0') {
		return NULL;
	}
	char *rest = name + strcspn(name, " \t\r");
	if (*rest) {
		*rest++ = '\0';
	}
	rest += strspn(rest, " \t\r");
	if (rest[0] == '=' && strchr(" \t\r", rest[1])) {
		rest += 1 + strspn(rest + 1, " \t\r");
	}
	for (char *end = rest + strlen(rest); end > rest && strchr(" \t\r", end[-1]); end--) {
		end[-1] = '\0';
	}
	l->rest = rest;
	strcpy(copy, rest);
	for (char *word = strtok(copy, " \t\r"); word && l->word_count < MAX_WORDS; word = strtok(NULL, " \t\r")) {
		l->words[l->word_count++] = word;
	}
	return name;
}

static void parse_line(struct manifest *m, unsigned number, char *text, struct bundle_domain **domain)
{
	char *comment = strchr(text, '#');
	if (comment) {
		*comment = '\0';
	}
	char *copy = malloc(strlen(text) + 1);
	struct line l = { .m = m, .number = number, .domain = *domain };
	bool indented = text[0] == ' ' || text[0] == '\t';
	char *name = copy ? split_line(&l, text, copy) : NULL;
	const struct directive *d = name ? directive_find(name) : NULL;
	if (name && !d) {
		line_error(&l, "\"%s\" is not a directive: see docs/manifest.md for the list", name);
	} else if (d && d->seen == -1 && indented) {
		line_error(&l, "\"%s\" is indented: start it at the beginning of the line", name);
	} else if (d && d->seen != -1 && !indented) {
		line_error(&l, "\"%s\" belongs to a domain: indent it below its line \"domain NAME\"", name);
	} else if (d) {
		uint32_t before = m->header.domain_count;
		run_directive(&l, d);
		if (m->header.domain_count != before) {
			*domain = &m->header.domains[before];
		}
	}
	free(copy);
}

int manifest_parse(struct manifest *m, const char *file, const char *text)
{
	void (*report)(void *to, const char *text) = m->report;
	void *report_to = m->report_to;
	memset(m, 0, sizeof(*m));
	m->report = report;
	m->report_to = report_to;
	m->file = file;
	char *copy = strdup(text);
	if (!copy) {
		return -ENOMEM;
	}
	struct bundle_domain *domain = NULL;
	unsigned number = 0;
	for (char *line = copy, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next) {
			*next++ = '\0';
		}
		parse_line(m, ++number, line, &domain);
	}
	free(copy);
	manifest_check(m);
	return m->error_count ? -EINVAL : 0;
}
