/* SPDX-License-Identifier: MIT */
/* See stats.h. The machine's "key=value" pairs become members; what is a whole number stays one. */
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "say.h"

static void put_string(FILE *out, const char *text, size_t length)
{
	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", c);
		} else if (c < ' ' || c > '~') {
			fprintf(out, "\\u%04x", c);
		} else {
			fputc(c, out);
		}
	}
	fputc('"', out);
}

/* One line of pairs as an object. A word without '=' is left out. */
static void put_pairs(FILE *out, const char *line)
{
	const char *comma = "";
	fputc('{', out);
	while (*line) {
		size_t word = strcspn(line, " ");
		const char *equals = memchr(line, '=', word);
		if (equals) {
			const char *value = equals + 1;
			size_t length = word - (size_t)(value - line);
			fputs(comma, out);
			comma = ", ";
			put_string(out, line, (size_t)(equals - line));
			fputs(": ", out);
			if (length > 0 && length < 19 && strspn(value, "0123456789") >= length && (value[0] != '0' || length == 1)) {
				fprintf(out, "%.*s", (int)length, value);
			} else {
				put_string(out, value, length);
			}
		}
		line += word;
		line += strspn(line, " ");
	}
	fputc('}', out);
}

static void put_lines(FILE *out, const char *name, char *const *lines, size_t count)
{
	fprintf(out, "  \"%s\": [", name);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ",\n    " : "\n    ", out);
		put_pairs(out, lines[i]);
	}
	fprintf(out, "%s]", count ? "\n  " : "");
}

static void put_time(FILE *out, const char *name, uint64_t from, uint64_t to)
{
	if (from && to) {
		fprintf(out, "  \"%s\": %.6f,\n", name, (double)(to - from) / 1e9);
	} else {
		fprintf(out, "  \"%s\": null,\n", name);
	}
}

int stats_write(const char *path, const struct session *s, int status)
{
	static const char *const modes[] = { "isolated", "monolithic", "linux" };
	const struct control *c = &s->control;
	FILE *out = fopen(path, "we");
	if (!out) {
		return fail(VMCTL_HOST, "statistics %s can't be written: %s", path, strerror(errno));
	}
	fprintf(out, "{\n  \"status\": %d,\n  \"mode\": \"%s\",\n  \"accelerator\": \"%s\",\n", status, modes[s->options->mode],
		s->machine->kvm ? "kvm" : s->machine->kind->emulator);
	fprintf(out, "  \"started\": %s,\n  \"exited\": %s,\n  \"kills\": %u,\n", c->started ? "true" : "false", c->exited ? "true" : "false",
		s->kills_taken);
	put_time(out, "boot_seconds", s->begin_ns, c->started_ns);
	put_time(out, "command_seconds", c->started_ns, c->exited_ns);
	put_lines(out, "recoveries", c->recoveries, c->recovery_count);
	fputs(",\n", out);
	put_lines(out, "domains", c->stats, c->stat_count);
	fputs(",\n", out);
	put_lines(out, "cycles_an_exit", c->costs, c->cost_count);
	fputs("\n}\n", out);
	return fclose(out) == 0 ? 0 : fail(VMCTL_HOST, "statistics %s can't be written: %s", path, strerror(errno));
}
