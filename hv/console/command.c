/* SPDX-License-Identifier: MIT */
/* The commands of both consoles: ours here, those about domains behind machine_command(). */
#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "console_internal.h"
#include "hv/boot.h"

static const char help_text[] = "help             this list\n"
				"log [N]          the last N lines of the log (all that are kept)\n"
				"ps               domains, their state, epoch and memory\n"
				"stat [DOMAIN]    exits by reason, with count and cycles\n"
				"kill DOMAIN      kill a domain; its restart policy decides what follows\n"
				"restart DOMAIN   start a domain anew, parked or not\n";

static void command_log(const char *argument, command_print_t print, void *to)
{
	struct log_entry entry;
	char text[LOG_TEXT_MAX + 32];
	const char *end;
	uint64_t newest = log_newest;
	uint64_t wanted = string_number(argument, &end);
	uint64_t sequence = end == argument || wanted >= newest ? 1 : newest - wanted + 1;
	for (; sequence <= newest && log_entry_get(sequence, &entry); sequence = entry.sequence + 1) {
		format_text(text, sizeof(text), "%5lu %6lu.%03lu %s\n", entry.sequence, entry.ms / 1000, entry.ms % 1000, entry.text);
		print(to, text);
	}
}

const char *command_argument(const char *line, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(line, word, n) != 0 || (line[n] != '\0' && line[n] != ' ')) {
		return NULL;
	}
	line += n;
	while (*line == ' ') {
		line++;
	}
	return line;
}

int command_run(const char *line, command_print_t print, void *to)
{
	const char *argument;
	while (*line == ' ') {
		line++;
	}
	if (command_argument(line, "help")) {
		print(to, help_text);
	} else if ((argument = command_argument(line, "log"))) {
		command_log(argument, print, to);
	} else {
		return machine_command(line, print, to);
	}
	return 0;
}
