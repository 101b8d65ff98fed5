/* SPDX-License-Identifier: MIT */
/* See control.h. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/string.h"

void control_init(struct control *control, int fd)
{
	*control = (struct control){ .fd = fd };
}

static void lines_free(char **lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(lines[i]);
	}
	free(lines);
}

void control_release(struct control *control)
{
	while (control->queue) {
		struct control_command *next = control->queue->next;
		free(control->queue);
		control->queue = next;
	}
	lines_free(control->recoveries, control->recovery_count);
	lines_free(control->stats, control->stat_count);
	lines_free(control->costs, control->cost_count);
	lines_free(control->capsules, control->capsule_count);
}

static void lines_add(char ***lines, size_t *count, const char *text)
{
	char **more = realloc(*lines, (*count + 1) * sizeof(**lines));
	char *copy = strdup(text);
	if (more) {
		*lines = more;
	}
	if (more && copy) {
		more[(*count)++] = copy;
	} else {
		free(copy);
	}
}

const char *control_value(const char *line, const char *key, char *value, size_t size)
{
	size_t key_length = strlen(key);
	for (const char *at = line; *at;) {
		if (strncmp(at, key, key_length) == 0 && at[key_length] == '=') {
			at += key_length + 1;
			size_t length = strcmp(key, "reason") == 0 ? strlen(at) : strcspn(at, " ");
			snprintf(value, size, "%.*s", (int)length, at);
			return value;
		}
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	return NULL;
}

/* The text behind `name` if the event line (without "@ ") starts with it, else NULL. */
static const char *event(const char *line, const char *name)
{
	size_t length = strlen(name);
	if (strncmp(line, name, length) != 0 || (line[length] != ' ' && line[length] != '\0')) {
		return NULL;
	}
	return line + length + strspn(line + length, " ");
}

static void take_event(struct control *c, const char *line, uint64_t now_ns)
{
	const char *rest;
	char value[16];
	if (event(line, "ready")) {
		c->ready = true;
	} else if (event(line, "started")) {
		c->started_ns = c->started ? c->started_ns : now_ns;
		c->started = true;
	} else if ((rest = event(line, "exit")) && control_value(rest, "status", value, sizeof(value))) {
		c->exited_ns = now_ns;
		c->exited = true;
		c->exit_status = atoi(value) & 255;
	} else if ((rest = event(line, "refused"))) {
		c->refused = true;
		control_value(rest, "reason", c->reason, sizeof(c->reason));
	} else if ((rest = event(line, "panic"))) {
		c->panicked = true;
		snprintf(c->panic_domain, sizeof(c->panic_domain), "hypervisor");
		control_value(rest, "domain", c->panic_domain, sizeof(c->panic_domain));
		control_value(rest, "reason", c->reason, sizeof(c->reason));
	} else if ((rest = event(line, "parked"))) {
		c->parked = true;
		control_value(rest, "domain", c->panic_domain, sizeof(c->panic_domain));
		control_value(rest, "reason", c->reason, sizeof(c->reason));
	} else if ((rest = event(line, "recovery"))) {
		lines_add(&c->recoveries, &c->recovery_count, rest);
	} else if ((rest = event(line, "stat"))) {
		lines_add(&c->stats, &c->stat_count, rest);
	} else if ((rest = event(line, "cost"))) {
		lines_add(&c->costs, &c->cost_count, rest);
	} else if ((rest = event(line, "capsule"))) {
		lines_add(&c->capsules, &c->capsule_count, rest);
	}
}

/* "DOMAIN: PREFIX TEXT" -> domain and text. */
static void take_words(const char *log, const char *prefix, char domain[16], char *text, size_t size)
{
	size_t name = strcspn(log, ":");
	if (name > 0 && name < 16 && strncmp(log + name, prefix, strlen(prefix)) == 0) {
		snprintf(domain, 16, "%.*s", (int)name, log);
		snprintf(text, size, "%s", log + name + strlen(prefix));
	}
}

static void take_log(struct control *c, const char *line)
{
	take_words(line, ": panic reason: ", c->told_by, c->told, sizeof(c->told));
	take_words(line, ": init: cannot ", c->init_by, c->init_error, sizeof(c->init_error));
}

static void send_next(struct control *c)
{
	struct control_command *command = c->queue;
	if (!command || command->sent) {
		return;
	}
	char line[sizeof(command->line) + 1];
	int length = snprintf(line, sizeof(line), "%s\n", command->line);
	command->sent = true;
	for (int done = 0; done < length;) {
		ssize_t n = write(c->fd, line + done, (size_t)(length - done));
		if (n < 0 && errno != EINTR) {
			break; /* the machine is gone; its end is noticed where its output is read */
		}
		done += n > 0 ? (int)n : 0;
	}
}

static void take_answer(struct control *c, char kind, const char *text)
{
	struct control_command *command = c->queue;
	if (!command || !command->sent) {
		return;
	}
	if (kind != '=') {
		c->queue = command->next;
	}
	if (command->answer) {
		command->answer(command->to, kind, text);
	}
	if (kind != '=') {
		free(command);
		send_next(c);
	}
}

static void take_line(struct control *c, uint64_t now_ns)
{
	const char *line = c->line;
	/* UEFI's console and GRUB's are on this line too, before the machine's own first word. */
	c->spoke = c->spoke || strncmp(line, "log ", 4) == 0 || strncmp(line, "@ ", 2) == 0;
	if (!c->spoke) {
		return;
	}
	if (strncmp(line, "= ", 2) == 0 || strcmp(line, "=") == 0) {
		take_answer(c, '=', line[1] ? line + 2 : "");
	} else if (strcmp(line, "ok") == 0 || strncmp(line, "ok ", 3) == 0) {
		take_answer(c, 'o', "");
	} else if (strncmp(line, "error ", 6) == 0) {
		take_answer(c, 'e', line + 6);
	} else {
		if (c->log) {
			c->log(c->log_to, line);
		}
		if (strncmp(line, "@ ", 2) == 0) {
			take_event(c, line + 2, now_ns);
		} else if (strncmp(line, "log ", 4) == 0) {
			take_log(c, line + 4);
		}
	}
}

void control_input(struct control *c, const char *bytes, size_t count, uint64_t now_ns)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n') {
			c->line[c->length] = '\0';
			c->length = 0;
			if (c->line[0]) {
				take_line(c, now_ns);
			}
		} else if (bytes[i] != '\r' && bytes[i] != '\0' && c->length + 1 < sizeof(c->line)) {
			c->line[c->length++] = bytes[i];
		}
	}
}

int control_send(struct control *c, const char *line, control_answer_t answer, void *to)
{
	for (const char *at = line; *at; at++) {
		if (*at < ' ' || *at > '~') {
			return -EINVAL;
		}
	}
	struct control_command *command = calloc(1, sizeof(*command));
	if (!command) {
		return -ENOMEM;
	}
	if (string_copy(command->line, line, sizeof(command->line)) >= sizeof(command->line)) {
		free(command);
		return -EINVAL;
	}
	command->answer = answer;
	command->to = to;
	struct control_command **tail = &c->queue;
	while (*tail) {
		tail = &(*tail)->next;
	}
	*tail = command;
	send_next(c);
	return 0;
}

void control_forget(struct control *c, void *to)
{
	for (struct control_command *command = c->queue; command; command = command->next) {
		if (command->to == to) {
			command->answer = NULL;
		}
	}
}
