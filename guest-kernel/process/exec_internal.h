/* SPDX-License-Identifier: MIT */
/*
 * The steps of execve: gather the strings, find the ELF file behind any `#!` lines, map it, lay out the stack. Until the
 * image is complete the old one stays, so an exec that fails at any point changes nothing.
 */
#ifndef PROCESS_EXEC_INTERNAL_H
#define PROCESS_EXEC_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/process.h"

#include "base/elf.h"

#define ARGUMENT_PAGES 256 /* 1 MiB of strings */
#define ARGUMENT_LONGEST 131072 /* one string, with its NUL (MAX_ARG_STRLEN) */
#define HEAD_SIZE 4096
#define PATH_SIZE 4096
#define SCRIPT_DEPTH 5 /* #! that lead to #! */

/* Argument and environment strings, NUL after NUL, argv's first. `head` comes before them: it replaces argv[0] of scripts. */
struct exec_arguments {
	char *pages[ARGUMENT_PAGES];
	uint64_t bytes;
	uint32_t argument_count, environment_count;
	bool skip_first; /* argv[0] is replaced by the head */
	char head[HEAD_SIZE]; /* strings of the #! lines and the script's path, filled from the end */
	uint32_t head_start, head_count;
	char path[PATH_SIZE]; /* of the program asked for: AT_EXECFN */
	struct file *file; /* it, already open (execveat); NULL: open the path */
	bool path_closes; /* the path leads through a descriptor that closes on exec: no interpreter can follow it */
};

struct exec_arguments *arguments_create(const char *path); /* NULL: no memory */
void arguments_free(struct exec_arguments *args);
/** Append the user's vector of strings at `vector` (NULL pointer: none). -E2BIG, -EFAULT, -ENOMEM. */
int arguments_from_user(struct exec_arguments *args, uint64_t vector, uint32_t *count);
int arguments_from_kernel(struct exec_arguments *args, const char *const vector[], uint32_t *count);
/** Put one string in front. -E2BIG. */
int arguments_prepend(struct exec_arguments *args, const char *text);
/** Byte `at` of the strings behind the head. */
char arguments_byte(const struct exec_arguments *args, uint64_t at);
/** argv as /proc shows it: at most size bytes; returns the length. */
uint32_t arguments_command_line(const struct exec_arguments *args, char *text, uint32_t size);

#define SCRIPT_LINE 256u /* of a file's start is looked at for it, with room for a NUL */
/** Split a `#!` line (`bytes` from the file's start, less than SCRIPT_LINE only if the file ends there): interpreter and optional
 *  argument, both NUL-terminated in `line`. -ENOEXEC. */
int script_parse(char *line, uint32_t bytes, char **interpreter, char **argument);

struct file;
struct address_space;

/* An ELF file on its way into memory. */
struct exec_object {
	struct file *file;
	struct elf_header header;
	void *program_headers; /* header.phnum * 56 bytes, kmalloc */
	char *interpreter; /* PT_INTERP's path or NULL, kmalloc */
	bool stack_executable;
	uint64_t low, high; /* span of the segments' addresses in the file, in whole pages */
	uint64_t bias; /* address in memory minus address in the file */
	uint64_t headers_at; /* address of the program headers in memory; 0: not mapped */
};

/** Read and check all headers. Takes the file's reference. -ENOEXEC, -EIO, ... */
int object_open(struct exec_object *object, struct file *file);
void object_close(struct exec_object *object);
/** Map it: a position-independent one at `base` (0: anywhere). */
int object_map(struct exec_object *object, struct address_space *memory, uint64_t base);

struct exec_image {
	struct exec_object program, interpreter;
	bool has_interpreter, secure;
	struct exec_strings strings;
	uint64_t vdso;
	uint64_t stack_top; /* then the initial rsp */
	uint64_t entry;
};

/** Write strings, vectors and auxiliary vector below image->stack_top; sets it to the initial rsp. -E2BIG, -EFAULT. */
int stack_build(struct exec_image *image, const struct exec_arguments *args);

#endif
