/* SPDX-License-Identifier: MIT */
/*
 * execve (POSIX, exec): see exec_internal.h for the steps. The other threads of the process are ended after the file has
 * proved executable and before the new image is loaded; loading runs with the new memory active, and goes back to the
 * old one if it fails.
 */
#include "exec_internal.h"
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/debug.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/fpu.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "kernel/syscall.h"
#include "kernel/trap.h"
#include "kernel/user.h"
#include "kernel/vdso.h"

#define PIE_BASE 0x555555554000ull
#define STACK_TOP (USER_END - 0x1000)
#define STACK_FIRST 0x21000ull
#define PROT_RW 3u
#define PROT_EXEC 4u
#define MAP_STACK_FLAGS 0x20132u /* PRIVATE | FIXED | ANONYMOUS | GROWSDOWN | STACK */

/* While it is looked at nobody writes to it. */
static struct file *run_begin(struct file *file, int *error)
{
	if (file && (*error = file_run_begin(file)) != 0) {
		file_put(file);
		return NULL;
	}
	return file;
}

static void run_end(struct file *file)
{
	file_run_end(file);
	file_put(file);
}

static struct file *open_executable(const char *path, int *error)
{
	reserve_renew();
	struct file *file = file_open_path(path, O_RDONLY, 0, error);
	if (file && (*error = file_may_exec(file)) != 0) {
		file_put(file);
		file = NULL;
	}
	return run_begin(file, error);
}

/* One level of `#!`: 1 and *path replaced if the file is a script, 0 if not. */
static int follow_script(struct exec_arguments *args, struct file *file, char *path)
{
	char line[SCRIPT_LINE], *interpreter, *argument;
	long n = file_pread(file, line, sizeof(line) - 1, 0);
	if (n < 2 || line[0] != '#' || line[1] != '!') {
		return n < 0 ? (int)n : 0;
	}
	int error = script_parse(line, (uint32_t)n, &interpreter, &argument);
	if (!error && !args->skip_first) {
		args->skip_first = true;
		error = arguments_prepend(args, path);
	}
	if (!error && argument) {
		error = arguments_prepend(args, argument);
	}
	if (!error) {
		error = arguments_prepend(args, interpreter);
	}
	if (error) {
		return error;
	}
	string_copy(path, interpreter, PATH_SIZE);
	return 1;
}

/* Open the program that `args->path` leads to. */
static int open_program(struct exec_arguments *args, struct exec_object *object)
{
	char *path = kmalloc(PATH_SIZE);
	int error = -ENOMEM;
	if (!path) {
		return error;
	}
	string_copy(path, args->path, PATH_SIZE);
	for (int depth = 0;; depth++) {
		reserve_renew();
		struct file *file = args->file ? run_begin(args->file, &error) : open_executable(path, &error);
		args->file = NULL;
		if (!file) {
			break;
		}
		error = follow_script(args, file, path);
		if (error == 1 && args->path_closes) {
			error = -ENOENT;
		}
		if (error == 0) {
			error = object_open(object, file);
			break;
		}
		run_end(file);
		if (error < 0) {
			break;
		}
		if (depth == SCRIPT_DEPTH) {
			error = -ELOOP;
			break;
		}
	}
	kfree(path);
	return error;
}

static int open_interpreter(struct exec_image *image)
{
	int error = 0;
	if (!image->program.interpreter) {
		return 0;
	}
	struct file *file = open_executable(image->program.interpreter, &error);
	if (!file) {
		return error;
	}
	image->has_interpreter = true;
	error = object_open(&image->interpreter, file);
	return error == -ENOEXEC ? -EIO : error; /* ELIBBAD's neighbour that programs know */
}

static int map_stack(struct exec_image *image, struct address_space *memory)
{
	uint64_t size = process_current()->rlimits[RLIMIT_STACK].soft;
	address_space_set_stack_limit(memory, size);
	size = STACK_FIRST; /* it grows as it is used, up to the limit of that moment */
	unsigned prot = PROT_RW | (image->program.stack_executable ? PROT_EXEC : 0);
	long at = address_space_map(memory, STACK_TOP - size, size, prot, MAP_STACK_FLAGS, NULL, 0);
	image->stack_top = STACK_TOP;
	return at < 0 && at > -4096 ? (int)at : 0;
}

static int load(struct exec_image *image, const struct exec_arguments *args, struct address_space *memory)
{
	const struct exec_object *program = &image->program;
	int error = object_map(&image->program, memory, PIE_BASE);
	if (!error) {
		address_space_set_brk(memory, program->high + program->bias);
		address_space_set_program(memory, program->file);
		error = map_stack(image, memory);
	}
	image->entry = program->header.entry + program->bias;
	if (!error && image->has_interpreter) {
		error = object_map(&image->interpreter, memory, 0);
		image->entry = image->interpreter.header.entry + image->interpreter.bias;
	}
	if (!error) {
		image->vdso = vdso_map(memory);
		error = stack_build(image, args);
	}
	return error ? error : image->entry < USER_END ? 0 : -ENOEXEC;
}

static void memory_switch(struct process *p, struct address_space *memory)
{
	spin_lock(&process_lock);
	process_resident_note_locked(p);
	p->memory = memory;
	spin_unlock(&process_lock);
	address_space_activate(memory);
}

/* Set-user-ID and set-group-ID bits; fs/ judges mount options. Under the lock, for nobody attaches between the question and the answer. */
static void credentials_for(struct exec_image *image, struct credentials *c)
{
	uint32_t uid = c->euid, gid = c->egid;
	file_exec_ids(image->program.file, &uid, &gid);
	spin_lock(&process_lock);
	bool no_new = process_current()->signals->no_new_privileges;
	c->euid = no_new ? c->euid : uid;
	c->egid = no_new ? c->egid : gid;
	image->secure = capabilities_follow_exec(c, no_new, no_new || trace_bars_privilege_locked());
	spin_unlock(&process_lock);
}

static void command_line_set(struct process *p, const struct exec_arguments *args)
{
	char *text = kmalloc(PAGE_SIZE);
	uint32_t length = text ? arguments_command_line(args, text, PAGE_SIZE) : 0;
	spin_lock(&process_lock);
	char *old = p->command_line;
	p->command_line = text;
	p->command_line_length = length;
	spin_unlock(&process_lock);
	kfree(old);
}

/* Nothing fails from here on. */
static void become(const struct exec_image *image, const struct exec_arguments *args, struct trap_frame *frame)
{
	struct thread *t = thread_current();
	struct process *p = t->process;
	struct process_thread *u = t->user;
	file_table_exec(p->files);
	signal_reset_for_exec(p);
	posix_timers_delete(p);
	process_set_name(p, args->path);
	string_copy(t->name, p->name, sizeof(t->name));
	command_line_set(p, args);
	p->strings = image->strings;
	u->alternate_size = 0;
	u->alternate_flags = 2; /* SS_DISABLE */
	u->clear_child_tid = u->robust_list = u->set_child_tid = 0;
	t->rseq = 0;
	p->barriers = 0;
	p->signals->not_dumpable = image->secure;
	p->signals->death_signal = image->secure ? 0 : p->signals->death_signal;
	fpu_reset();
	t->fs_base = t->gs_base = 0;
	thread_bases_load();
	debug_clear();
	*frame = (struct trap_frame){
		.vector = 0,
		.error = UINT64_MAX,
		.rip = image->entry,
		.cs = USER_CS,
		.rflags = RFLAGS_IF | 2,
		.rsp = image->stack_top,
		.ss = USER_SS,
	};
	process_vfork_release(p);
}

/* The old image's locks and thread number are given up where they lie. */
static void leave_memory(struct process *p, struct address_space *old, struct address_space *new)
{
	struct process_thread *u = thread_current()->user;
	if (u->robust_list || p->signals->shares_memory) {
		memory_switch(p, old);
		futex_thread_exit(u);
		u->owns_no_more = false; /* it goes on */
		memory_switch(p, new);
	}
	p->signals->shares_memory = false;
	address_space_put(old);
}

static int replace(struct exec_image *image, struct exec_arguments *args, struct trap_frame *frame)
{
	struct process *p = process_current();
	struct address_space *old = p->memory, *new = address_space_create();
	if (!new) {
		return -ENOMEM;
	}
	struct credentials before = p->credentials;
	credentials_for(image, &p->credentials);
	memory_switch(p, new);
	int error = process_unshare(p, true, image->secure); /* directories that others share are not for one with privilege */
	error = error ? error : load(image, args, new);
	if (error) {
		p->credentials = before;
		memory_switch(p, old);
		address_space_put(new);
		return error;
	}
	if (old) {
		leave_memory(p, old, new);
	}
	become(image, args, frame);
	return 0;
}

static int run(struct exec_arguments *args, struct trap_frame *frame)
{
	struct exec_image *image = kzalloc(sizeof(*image));
	uint32_t tid = thread_current()->tid;
	if (!image) {
		return -ENOMEM;
	}
	int error = open_program(args, &image->program);
	if (!error) {
		error = open_interpreter(image);
	}
	if (!error) {
		error = process_kill_other_threads();
	}
	if (!error) {
		reserve_renew();
		error = replace(image, args, frame);
	}
	object_close(&image->program);
	object_close(&image->interpreter);
	kfree(image);
	if (!error) {
		trace_executed(tid);
	}
	return error;
}

int exec_kernel(const char *path, const char *const argv[], const char *const envp[], struct trap_frame *frame)
{
	struct exec_arguments *args = arguments_create(path);
	if (!args) {
		return -ENOMEM;
	}
	int error = arguments_from_kernel(args, argv, &args->argument_count);
	error = error ? error : arguments_from_kernel(args, envp, &args->environment_count);
	error = error ? error : run(args, frame);
	arguments_free(args);
	return error;
}

/* `file`: the program, already open and given away, or NULL. */
static int exec_user(const char *path, struct file *file, bool path_closes, uint64_t argv, uint64_t envp)
{
	struct exec_arguments *args = arguments_create(path);
	if (!args) {
		if (file) {
			file_put(file);
		}
		return -ENOMEM;
	}
	args->file = file;
	args->path_closes = path_closes;
	int error = arguments_from_user(args, argv, &args->argument_count);
	error = error ? error : arguments_from_user(args, envp, &args->environment_count);
	error = error ? error : run(args, thread_frame(thread_current()));
	if (args->file) {
		file_put(args->file);
	}
	arguments_free(args);
	return error;
}

long sys_execve(const uint64_t a[6])
{
	char *path = kmalloc(PATH_SIZE);
	if (!path) {
		return -ENOMEM;
	}
	long error = user_string(path, a[0], PATH_SIZE);
	if (error >= 0) {
		error = error == 0 ? -ENOENT : exec_user(path, NULL, false, a[1], a[2]);
	}
	kfree(path);
	return error;
}

/* The path as /proc and scripts see it, unless it stands for itself: below the descriptor's name. */
static int exec_at(int dirfd, char *path, unsigned flags, uint64_t argv, uint64_t envp)
{
	char *name = kmalloc(PATH_SIZE);
	int error = -ENOMEM;
	if (!name) {
		return error;
	}
	bool through = dirfd != AT_FDCWD && path[0] != '/';
	if (!through) {
		string_copy(name, path, PATH_SIZE);
	} else if ((unsigned)format_text(name, PATH_SIZE, "/dev/fd/%d%s%s", dirfd, path[0] ? "/" : "", path) >= PATH_SIZE) {
		kfree(name);
		return -ENAMETOOLONG;
	}
	struct file *file = file_open_exec(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), &error);
	if (file && (error = file_may_exec(file)) != 0) {
		file_put(file);
	} else if (file) {
		reserve_renew();
		error = exec_user(name, file, through && fd_close_on_exec(dirfd, -1), argv, envp);
	}
	kfree(name);
	return error;
}

long sys_execveat(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[4];
	char *path = kmalloc(PATH_SIZE);
	if (!path) {
		return -ENOMEM;
	}
	long error = flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -EINVAL : user_string(path, a[1], PATH_SIZE);
	if (error >= 0) {
		error = error == 0 && !(flags & AT_EMPTY_PATH) ? -ENOENT : exec_at((int)a[0], path, flags, a[2], a[3]);
	}
	kfree(path);
	return error;
}
