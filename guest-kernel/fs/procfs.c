/* SPDX-License-Identifier: MIT */
/*
 * /proc: a fixed table of names, below directories of which some repeat for each process, thread or descriptor. Nothing is cached:
 * each walk looks the process up anew, and each open file takes its text at a read from position 0 and keeps it for those further on.
 */
#include "fs/proc_internal.h"

#include <stdarg.h>

#include "kernel/address_space.h"
#include "kernel/platform.h"
#include "kernel/time.h"

#define PROC_MAGIC 0x9fa0
#define TEXT_MAX 65536u
#define TEXT_MAX_LONG (8 * TEXT_MAX) /* a thousand areas in detail, or some thousand connections */

enum dir { IN_ROOT, IN_NET, IN_SYS, IN_KERNEL, IN_VM, IN_FS, IN_SYS_NET, IN_IPV4, IN_CORE, IN_PID, IN_TASK, IN_TID, IN_FD, NOT_A_DIR };

struct entry {
	enum dir in;
	const char *name; /* "": made from numbers */
	uint32_t mode;
	enum dir is; /* directories: what is in it */
	proc_writer write;
	int (*store)(uint32_t pid, const char *text, size_t length); /* NULL: cannot be written */
};

static const struct entry entries[] = {
	{ IN_ROOT, "/", S_IFDIR | 0555, IN_ROOT, NULL, NULL },
#define E_ROOT 0u
	{ IN_ROOT, "", S_IFDIR | 0555, IN_PID, NULL, NULL },
#define E_PID 1u
	{ IN_TASK, "", S_IFDIR | 0555, IN_TID, NULL, NULL },
#define E_TID 2u
	{ IN_FD, "", S_IFLNK | 0700, NOT_A_DIR, NULL, NULL },
#define E_FD 3u
	{ IN_ROOT, "self", S_IFLNK | 0777, NOT_A_DIR, NULL, NULL },
#define E_SELF 4u
	{ IN_PID, "exe", S_IFLNK | 0777, NOT_A_DIR, NULL, NULL },
#define E_EXE 5u
	{ IN_PID, "cwd", S_IFLNK | 0777, NOT_A_DIR, NULL, NULL },
#define E_CWD 6u
	{ IN_PID, "root", S_IFLNK | 0777, NOT_A_DIR, NULL, NULL },
#define E_PROCESS_ROOT 7u
	{ IN_ROOT, "meminfo", S_IFREG | 0444, NOT_A_DIR, proc_meminfo, NULL },
	{ IN_ROOT, "stat", S_IFREG | 0444, NOT_A_DIR, proc_system_stat, NULL },
	{ IN_ROOT, "uptime", S_IFREG | 0444, NOT_A_DIR, proc_uptime, NULL },
	{ IN_ROOT, "loadavg", S_IFREG | 0444, NOT_A_DIR, proc_loadavg, NULL },
	{ IN_ROOT, "cpuinfo", S_IFREG | 0444, NOT_A_DIR, proc_cpuinfo, NULL },
	{ IN_ROOT, "version", S_IFREG | 0444, NOT_A_DIR, proc_version, NULL },
	{ IN_ROOT, "filesystems", S_IFREG | 0444, NOT_A_DIR, proc_filesystems, NULL },
	{ IN_ROOT, "mounts", S_IFREG | 0444, NOT_A_DIR, proc_mounts, NULL },
	{ IN_ROOT, "cmdline", S_IFREG | 0444, NOT_A_DIR, proc_boot_cmdline, NULL },
	{ IN_ROOT, "devices", S_IFREG | 0444, NOT_A_DIR, proc_devices, NULL },
	{ IN_ROOT, "partitions", S_IFREG | 0444, NOT_A_DIR, proc_partitions, NULL },
	{ IN_ROOT, "diskstats", S_IFREG | 0444, NOT_A_DIR, proc_diskstats, NULL },
	{ IN_ROOT, "vmstat", S_IFREG | 0444, NOT_A_DIR, proc_vmstat, NULL },
	{ IN_ROOT, "bulkhead", S_IFREG | 0444, NOT_A_DIR, proc_bulkhead, NULL },
	{ IN_ROOT, "net", S_IFDIR | 0555, IN_NET, NULL, NULL },
	{ IN_NET, "arp", S_IFREG | 0444, NOT_A_DIR, proc_net_arp, NULL },
	{ IN_NET, "dev", S_IFREG | 0444, NOT_A_DIR, proc_net_dev, NULL },
	{ IN_NET, "if_inet6", S_IFREG | 0444, NOT_A_DIR, proc_net_if_inet6, NULL },
	{ IN_NET, "ipv6_route", S_IFREG | 0444, NOT_A_DIR, proc_net_ipv6_route, NULL },
	{ IN_NET, "pnp", S_IFREG | 0444, NOT_A_DIR, proc_net_pnp, NULL },
	{ IN_NET, "netstat", S_IFREG | 0444, NOT_A_DIR, proc_net_netstat, NULL },
	{ IN_NET, "raw", S_IFREG | 0444, NOT_A_DIR, proc_net_raw, NULL },
	{ IN_NET, "raw6", S_IFREG | 0444, NOT_A_DIR, proc_net_raw6, NULL },
	{ IN_NET, "snmp", S_IFREG | 0444, NOT_A_DIR, proc_net_snmp, NULL },
	{ IN_NET, "route", S_IFREG | 0444, NOT_A_DIR, proc_net_route, NULL },
	{ IN_NET, "sockstat", S_IFREG | 0444, NOT_A_DIR, proc_net_sockstat, NULL },
	{ IN_NET, "tcp", S_IFREG | 0444, NOT_A_DIR, proc_net_tcp, NULL },
	{ IN_NET, "tcp6", S_IFREG | 0444, NOT_A_DIR, proc_net_tcp6, NULL },
	{ IN_NET, "udp", S_IFREG | 0444, NOT_A_DIR, proc_net_udp, NULL },
	{ IN_NET, "udp6", S_IFREG | 0444, NOT_A_DIR, proc_net_udp6, NULL },
	{ IN_NET, "unix", S_IFREG | 0444, NOT_A_DIR, proc_net_unix, NULL },
	{ IN_ROOT, "sys", S_IFDIR | 0555, IN_SYS, NULL, NULL },
	{ IN_SYS, "kernel", S_IFDIR | 0555, IN_KERNEL, NULL, NULL },
	{ IN_SYS, "vm", S_IFDIR | 0555, IN_VM, NULL, NULL },
	{ IN_SYS, "fs", S_IFDIR | 0555, IN_FS, NULL, NULL },
	{ IN_SYS, "net", S_IFDIR | 0555, IN_SYS_NET, NULL, NULL },
	{ IN_SYS_NET, "core", S_IFDIR | 0555, IN_CORE, NULL, NULL },
	{ IN_SYS_NET, "ipv4", S_IFDIR | 0555, IN_IPV4, NULL, NULL },
	{ IN_CORE, "somaxconn", S_IFREG | 0444, NOT_A_DIR, proc_somaxconn, NULL },
	{ IN_IPV4, "ip_local_port_range", S_IFREG | 0444, NOT_A_DIR, proc_port_range, NULL },
	{ IN_IPV4, "ping_group_range", S_IFREG | 0644, NOT_A_DIR, proc_ping_groups, proc_ping_groups_set },
	{ IN_KERNEL, "hostname", S_IFREG | 0444, NOT_A_DIR, proc_hostname, NULL },
	{ IN_KERNEL, "osrelease", S_IFREG | 0444, NOT_A_DIR, proc_osrelease, NULL },
	{ IN_KERNEL, "ostype", S_IFREG | 0444, NOT_A_DIR, proc_ostype, NULL },
	{ IN_KERNEL, "pid_max", S_IFREG | 0444, NOT_A_DIR, proc_pid_max, NULL },
	{ IN_KERNEL, "threads-max", S_IFREG | 0444, NOT_A_DIR, proc_threads_max, NULL },
	{ IN_VM, "drop_caches", S_IFREG | 0200, NOT_A_DIR, proc_empty, proc_drop_caches },
	{ IN_VM, "overcommit_memory", S_IFREG | 0444, NOT_A_DIR, proc_overcommit, NULL },
	{ IN_FS, "file-max", S_IFREG | 0444, NOT_A_DIR, proc_file_max, NULL },
	{ IN_PID, "stat", S_IFREG | 0444, NOT_A_DIR, proc_pid_stat, NULL },
	{ IN_PID, "status", S_IFREG | 0444, NOT_A_DIR, proc_pid_status, NULL },
	{ IN_PID, "statm", S_IFREG | 0444, NOT_A_DIR, proc_pid_statm, NULL },
	{ IN_PID, "cmdline", S_IFREG | 0444, NOT_A_DIR, proc_pid_cmdline, NULL },
	{ IN_PID, "comm", S_IFREG | 0444, NOT_A_DIR, proc_pid_comm, NULL },
	{ IN_PID, "maps", S_IFREG | 0444, NOT_A_DIR, proc_pid_maps, NULL },
	{ IN_PID, "smaps", S_IFREG | 0444, NOT_A_DIR, proc_pid_smaps, NULL },
	{ IN_PID, "limits", S_IFREG | 0444, NOT_A_DIR, proc_pid_limits, NULL },
	{ IN_PID, "environ", S_IFREG | 0400, NOT_A_DIR, proc_pid_environ, NULL },
	{ IN_PID, "auxv", S_IFREG | 0400, NOT_A_DIR, proc_pid_auxv, NULL },
	{ IN_PID, "syscall", S_IFREG | 0400, NOT_A_DIR, proc_pid_syscall, NULL },
	{ IN_PID, "stack", S_IFREG | 0400, NOT_A_DIR, proc_pid_stack, NULL },
	{ IN_PID, "wchan", S_IFREG | 0444, NOT_A_DIR, proc_pid_wchan, NULL },
	{ IN_PID, "mem", S_IFREG | 0600, NOT_A_DIR, NULL, NULL },
	{ IN_PID, "oom_score", S_IFREG | 0444, NOT_A_DIR, proc_pid_oom_score, NULL },
	{ IN_PID, "oom_score_adj", S_IFREG | 0644, NOT_A_DIR, proc_pid_oom_score_adj, proc_pid_oom_adjust },
	{ IN_PID, "io", S_IFREG | 0400, NOT_A_DIR, proc_pid_io, NULL },
	{ IN_PID, "cgroup", S_IFREG | 0444, NOT_A_DIR, proc_cgroup, NULL },
	{ IN_PID, "mountinfo", S_IFREG | 0444, NOT_A_DIR, proc_mountinfo, NULL },
	{ IN_PID, "mounts", S_IFREG | 0444, NOT_A_DIR, proc_mounts, NULL },
	{ IN_PID, "net", S_IFDIR | 0555, IN_NET, NULL, NULL },
	{ IN_PID, "fd", S_IFDIR | 0500, IN_FD, NULL, NULL },
	{ IN_PID, "task", S_IFDIR | 0555, IN_TASK, NULL, NULL },
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const struct inode_ops proc_inode_ops, proc_link_ops, proc_jump_ops;
static const struct file_ops proc_file_ops, proc_memory_ops, proc_dir_ops;

static uint64_t number_of(unsigned entry, uint32_t pid, uint32_t fd)
{
	return (uint64_t)pid << 32 | (uint64_t)(fd & 0xfffff) << 8 | (entry + 1);
}

static unsigned entry_of(const struct inode *inode)
{
	return (unsigned)(inode->number & 0xff) - 1;
}

static uint32_t pid_of(const struct inode *inode)
{
	return (uint32_t)(inode->number >> 32);
}

static uint32_t fd_of(const struct inode *inode)
{
	return (uint32_t)(inode->number >> 8) & 0xfffff;
}

void text_add(struct text *t, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	size_t room = t->size - t->length;
	size_t n = (size_t)format_text_va(t->buffer + t->length, room, format, arguments);
	va_end(arguments);
	t->length += n < room ? n : room ? room - 1 : 0;
}

void text_bytes(struct text *t, const void *bytes, size_t count)
{
	count = count < t->size - t->length ? count : t->size - t->length;
	memcpy(t->buffer + t->length, bytes, count);
	t->length += count;
}

/* A thread's directory has what a process's has, but no threads of its own. */
static bool entry_is_in(const struct entry *e, enum dir in)
{
	return e->in == in || (in == IN_TID && e->in == IN_PID && e->is != IN_TASK);
}

static int node_make(struct super *super, unsigned entry, uint32_t pid, uint32_t fd, struct inode **out)
{
	uint32_t uid = 0, gid = 0;
	if (pid && !proc_pid_exists(pid, &uid, &gid)) {
		return -ENOENT;
	}
	struct inode *inode = inode_create(super, number_of(entry, pid, fd), entries[entry].mode);
	if (!inode) {
		return -ENOMEM;
	}
	inode->uid = uid;
	inode->gid = gid;
	inode->links = S_IS(inode->mode, S_IFDIR) ? 2 : 1;
	inode->private = (void *)(uintptr_t)time_ns(); /* who has its number now began no later */
	bool jump = entry == E_CWD || entry == E_PROCESS_ROOT || entry == E_FD;
	inode->ops = jump ? &proc_jump_ops : S_IS(inode->mode, S_IFLNK) ? &proc_link_ops : &proc_inode_ops;
	inode->file_ops = S_IS(inode->mode, S_IFDIR) ? &proc_dir_ops : entries[entry].write ? &proc_file_ops : &proc_memory_ops;
	*out = inode;
	return 0;
}

static bool number_parse(const char *name, unsigned length, uint32_t *number)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9' || i > 8) {
			return false;
		}
		value = value * 10 + (uint64_t)(name[i] - '0');
	}
	*number = (uint32_t)value;
	return length > 0;
}

static int lookup_number(struct inode *dir, enum dir in, uint32_t number, struct inode **out)
{
	uint32_t pid = pid_of(dir);
	if (in == IN_ROOT) {
		return number ? node_make(dir->super, E_PID, number, 0, out) : -ENOENT;
	}
	if (in == IN_TASK) {
		return proc_tid_next(pid, number) == number && number ? node_make(dir->super, E_TID, pid, number, out) : -ENOENT;
	}
	if (in == IN_FD) {
		struct file *f = proc_pid_file(pid, number);
		if (!f) {
			return -ENOENT;
		}
		file_put(f);
		return node_make(dir->super, E_FD, pid, number, out);
	}
	return -ENOENT;
}

static int proc_lookup(struct inode *dir, const char *name, unsigned length, struct inode **out)
{
	enum dir in = entries[entry_of(dir)].is;
	uint32_t number;
	for (unsigned i = E_SELF; i < ENTRIES; i++) {
		if (entry_is_in(&entries[i], in) && strlen(entries[i].name) == length && memcmp(entries[i].name, name, length) == 0) {
			return node_make(dir->super, i, in == IN_TID ? fd_of(dir) : pid_of(dir), 0, out);
		}
	}
	return number_parse(name, length, &number) ? lookup_number(dir, in, number, out) : -ENOENT;
}

/* What stands for a file without a name. */
static long nameless_describe(struct file *f, char *path)
{
	if (f->inode) {
		file_path(f, path, PATH_MAX); /* of memfd_create */
		return (long)strlen(path);
	}
	const char *kind = f->ops == &socket_file_ops ? "socket" : file_is_pipe(f) ? "pipe" : "anon_inode";
	return format_text(path, PATH_MAX, "%s:[%lu]", kind, ((uint64_t)f->private >> 4) & 0xffffffff);
}

static long proc_readlink(struct inode *inode, char *target, size_t size)
{
	struct dentry *d = NULL;
	char *path;
	long n;
	switch (entry_of(inode)) {
	case E_SELF:
		n = process_current() ? format_text(target, size, "%u", process_current()->pid) : -ENOENT;
		return n < (long)size ? n : (long)size;
	case E_EXE:
		return proc_pid_exe(pid_of(inode), target, size);
	default:
		break;
	}
	struct file *f = NULL;
	int error = inode->ops->jump(inode, &d, &f);
	if (error) {
		return error;
	}
	path = kmalloc(PATH_MAX);
	n = path ? 0 : -ENOMEM;
	if (path && d) {
		n = dentry_path(d, fs_context_current()->root, path, PATH_MAX);
	} else if (path) {
		n = nameless_describe(f, path);
	}
	if (n > 0) {
		n = n < (long)size ? n : (long)size;
		memcpy(target, path, (size_t)n);
	}
	kfree(path);
	if (d) {
		dentry_put(d);
	}
	if (f) {
		file_put(f);
	}
	return n;
}

static int proc_jump(struct inode *inode, struct dentry **dentry, struct file **file)
{
	if (!proc_pid_accessible(pid_of(inode))) {
		return -EACCES; /* another user's: the permissions on the way there are not the caller's */
	}
	if (entry_of(inode) != E_FD) {
		return proc_pid_directory(pid_of(inode), entry_of(inode) == E_PROCESS_ROOT, dentry);
	}
	struct file *f = proc_pid_file(pid_of(inode), fd_of(inode));
	if (!f) {
		return -ENOENT;
	}
	if (f->dentry) {
		*dentry = f->dentry;
		dentry_get(f->dentry);
		file_put(f);
	} else {
		*file = f;
	}
	return 0;
}

/* As of a directory on a disk: its two names, and ".." of each directory below. */
static uint32_t proc_links(const struct inode *inode)
{
	uint32_t links = inode->links, number = 0, pid = pid_of(inode);
	enum dir is = entries[entry_of(inode)].is;
	for (unsigned i = E_SELF; i < ENTRIES; i++) {
		links += entry_is_in(&entries[i], is) && S_IS(entries[i].mode, S_IFDIR);
	}
	while (is == IN_ROOT && (number = proc_pid_next(number + 1)) != 0) {
		links++;
	}
	while (is == IN_TASK && (number = proc_tid_next(pid, number + 1)) != 0) {
		links++;
	}
	return links;
}

static const struct inode_ops proc_inode_ops = { .lookup = proc_lookup, .links = proc_links };
static const struct inode_ops proc_link_ops = { .readlink = proc_readlink };
static const struct inode_ops proc_jump_ops = { .readlink = proc_readlink, .jump = proc_jump };

static int text_make(struct file *f)
{
	const struct entry *e = &entries[entry_of(f->inode)];
	bool long_one = e->write == proc_pid_maps || e->write == proc_pid_smaps || e->write == proc_net_tcp || e->write == proc_net_tcp6;
	struct text t = { .size = long_one ? TEXT_MAX_LONG : TEXT_MAX };
	t.buffer = kmalloc(t.size);
	if (!t.buffer) {
		return -ENOMEM;
	}
	int error = e->write(pid_of(f->inode), &t);
	struct text *made = error ? NULL : kmalloc(sizeof(t) + t.length);
	if (made) {
		*made = t;
		made->buffer = (char *)(made + 1);
		memcpy(made->buffer, t.buffer, t.length);
		kfree(f->private);
		f->private = made;
	}
	kfree(t.buffer);
	return error ? error : made ? 0 : -ENOMEM;
}

/* A program that goes back to the start, or reads there by pread(2), wants to see what is true now. */
static long proc_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	uint64_t n = 0;
	mutex_lock(&f->inode->mutex);
	int error = *offset == 0 || !f->private ? text_make(f) : 0;
	const struct text *t = f->private;
	if (!error && *offset < t->length) {
		n = bytes < t->length - *offset ? bytes : t->length - *offset;
		memcpy(buffer, t->buffer + *offset, n);
		*offset += n;
	}
	mutex_unlock(&f->inode->mutex);
	return error ? error : (long)n;
}

static long proc_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	const struct entry *e = &entries[entry_of(f->inode)];
	int error = e->store ? e->store(pid_of(f->inode), buffer, bytes) : -EACCES;
	return error ? error : (long)bytes;
}

static void proc_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops proc_file_ops = { .read = proc_read, .write = proc_write, .release = proc_release };

/*
 * /proc/PID/mem: the position is the address. What was opened is the memory of that moment: after an exec it reads as empty, for the program
 * that has the descriptor then need not be one that would have opened it, as a set-user-ID program that writes its errors there.
 */
static int memory_open(struct file *f)
{
	int error;
	struct address_space *memory = process_memory_of(pid_of(f->inode), &error);
	if (memory) {
		f->private = (void *)(uintptr_t)address_space_number(memory);
		address_space_put(memory);
	}
	return error == -EPERM ? -EACCES : 0;
}

static long memory_access(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset, unsigned how)
{
	int error;
	struct address_space *memory = process_memory_of(pid_of(f->inode), &error);
	if (!memory) {
		return error == -ESRCH ? 0 : -EACCES;
	}
	bool same = address_space_number(memory) == (uintptr_t)f->private;
	long n = same ? address_space_access(memory, *offset, buffer, bytes, how | ACCESS_FORCE) : 0;
	address_space_put(memory);
	*offset += n > 0 ? (uint64_t)n : 0;
	return n >= 0 ? n : n == -ENOMEM ? -ENOMEM : -EIO;
}

static long memory_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	return memory_access(f, buffer, bytes, offset, 0);
}

static long memory_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	return memory_access(f, (void *)(uintptr_t)buffer, bytes, offset, ACCESS_WRITE);
}

static const struct file_ops proc_memory_ops = { .open = memory_open, .read = memory_read, .write = memory_write };

typedef bool (*emit_function)(void *, const char *, unsigned, uint64_t, unsigned);

/* Positions: 0 and 1 "." and "..", then the table, then from 256 on the numbers. */
static bool emit_entry(struct file *f, void *context, emit_function emit)
{
	enum dir in = entries[entry_of(f->inode)].is;
	uint32_t pid = pid_of(f->inode);
	if (f->offset < 2) {
		return emit(context, "..", (unsigned)f->offset + 1, f->inode->number, DT_DIR);
	}
	unsigned i = (unsigned)f->offset - 2 + E_SELF;
	if (i >= ENTRIES || !entry_is_in(&entries[i], in)) {
		return true;
	}
	return emit(context, entries[i].name, (unsigned)strlen(entries[i].name), number_of(i, pid, 0), DT_OF_MODE(entries[i].mode));
}

static uint32_t number_next(enum dir in, uint32_t pid, uint32_t from, bool *any)
{
	*any = true;
	if (in == IN_FD) {
		int fd = proc_fd_next(pid, from);
		*any = fd >= 0;
		return *any ? (uint32_t)fd : 0;
	}
	uint32_t number = in == IN_ROOT ? proc_pid_next(from) : in == IN_TASK ? proc_tid_next(pid, from) : 0;
	*any = number != 0;
	return number;
}

static long proc_readdir(struct file *f, void *context, emit_function emit)
{
	enum dir in = entries[entry_of(f->inode)].is;
	uint32_t pid = pid_of(f->inode);
	for (; f->offset < 256; f->offset++) {
		if (!emit_entry(f, context, emit)) {
			return 0;
		}
	}
	for (;;) {
		char name[12];
		bool any;
		uint32_t number = number_next(in, pid, (uint32_t)(f->offset - 256), &any);
		if (!any) {
			return 0;
		}
		unsigned entry = in == IN_ROOT ? E_PID : in == IN_TASK ? E_TID : E_FD;
		int length = format_text(name, sizeof(name), "%u", number);
		uint64_t before = f->offset;
		f->offset = 256 + (uint64_t)number;
		if (!emit(context, name, (unsigned)length, number_of(entry, in == IN_ROOT ? number : pid, number),
			  DT_OF_MODE(entries[entry].mode))) {
			f->offset = before > f->offset ? before : f->offset;
			return 0;
		}
		f->offset++;
	}
}

static const struct file_ops proc_dir_ops = { .readdir = proc_readdir };

uint32_t procfs_process(const struct file *f, uint64_t *since_ns)
{
	if (f->ops != &proc_dir_ops || entry_of(f->inode) != E_PID) {
		return 0;
	}
	*since_ns = (uintptr_t)f->inode->private;
	return pid_of(f->inode);
}

static void proc_unmount(struct super *super)
{
	kfree(super);
}

static const struct super_ops proc_super_ops = { .unmount = proc_unmount };

int procfs_super_open(struct super **out)
{
	struct inode *root;
	struct super *super = super_create("proc", PROC_MAGIC, "proc");
	if (!super) {
		return -ENOMEM;
	}
	super->ops = &proc_super_ops;
	super->uncached = true;
	int error = node_make(super, E_ROOT, 0, 0, &root);
	if (!error && !dentry_root_create(super, root)) {
		inode_put(root);
		error = -ENOMEM;
	}
	if (error) {
		kfree(super);
		return error;
	}
	*out = super;
	return 0;
}
