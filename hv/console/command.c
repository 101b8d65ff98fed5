/* SPDX-License-Identifier: MIT */
/* The commands of both consoles: ours here, those about domains behind machine_command(). */
#include "abi/errno.h"
#include "abi/hypercall.h"
#include "base/format.h"
#include "base/string.h"
#include "console_internal.h"
#include "hv/boot.h"

static const char help_text[] = "help             this list\n"
				"version          which hypervisor this is\n"
				"log [N]          the last N lines of the log (all that are kept)\n"
				"ps               domains, their state, epoch and memory\n"
				"stat [DOMAIN]    exits by reason, with count and cycles\n"
				"kill DOMAIN      kill a domain; its restart policy decides what follows\n"
				"restart DOMAIN   start a domain anew, parked or not\n";

static void command_log(const char *argument, command_print_t print, void *to)
{
	struct log_entry entry;
	char head[48];
	const char *end;
	uint64_t newest = log_entry_newest();
	uint64_t wanted = string_number(argument, &end);
	uint64_t sequence = end == argument || wanted >= newest ? 1 : newest - wanted + 1;
	while (sequence <= newest && log_entry_get(sequence, &entry)) {
		format_text(head, sizeof(head), "%5lu %6lu.%03lu ", entry.sequence, entry.ms / 1000, entry.ms % 1000);
		print(to, head);
		print(to, entry.text);
		print(to, "\n");
		sequence = entry.sequence + 1;
	}
}

static void command_version(command_print_t print, void *to)
{
	char text[96];
	format_text(text, sizeof(text), "Bulkhead, ABI version %u, started by %s\n", BH_ABI_VERSION,
		    boot_info.loader ? boot_info.loader : "nobody");
	print(to, text);
}

/* The text behind the word if `line` starts with exactly this word, else NULL. */
static const char *after_word(const char *line, const char *word)
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
	if (after_word(line, "help")) {
		print(to, help_text);
		return 0;
	}
	if (after_word(line, "version")) {
		command_version(print, to);
		return 0;
	}
	argument = after_word(line, "log");
	if (argument) {
		command_log(argument, print, to);
		return 0;
	}
	return machine_command(line, print, to);
}
