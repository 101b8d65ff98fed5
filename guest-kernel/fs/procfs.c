/* SPDX-License-Identifier: MIT */
/* /proc: its table of names, and the objects: processes, threads and descriptors. */
#include "fs/proc_internal.h"

#include "kernel/address_space.h"
#include "kernel/platform.h"
#include "kernel/time.h"

#define PROC_MAGIC 0x9fa0

enum dir { IN_ROOT, IN_NET, IN_SYS, IN_KERNEL, IN_VM, IN_FS, IN_SYS_NET, IN_CORE, IN_IPV4, IN_IPV6, IN_CONF, IN_CONF_ALL, IN_UNIX,
	IN_PID, IN_TASK, IN_TID, IN_FD };

static int self_describe(uint32_t pid, struct text *t), program_describe(uint32_t pid, struct text *t);

static const struct text_entry entries[] = {
	DIRECTORY(IN_ROOT, "/", IN_ROOT),
	DIRECTORY(IN_ROOT, "", IN_PID),
#define E_PID 1u
	DIRECTORY(IN_TASK, "", IN_TID),
#define E_TID 2u
	{ IN_FD, "", S_IFLNK | 0700, TEXT_FILE, NULL, NULL, false },
#define E_FD 3u
	LINK(IN_ROOT, "self", self_describe),
#define E_SELF 4u
	LINK(IN_PID, "exe", program_describe),
	LINK(IN_PID, "cwd", NULL),
#define E_CWD 6u
	LINK(IN_PID, "root", NULL),
#define E_PROCESS_ROOT 7u
	{ IN_PID, "mem", S_IFREG | 0600, TEXT_FILE, NULL, NULL, false },
#define E_MEMORY 8u
	READABLE(IN_ROOT, "meminfo", proc_meminfo),
	READABLE(IN_ROOT, "stat", proc_system_stat),
	READABLE(IN_ROOT, "uptime", proc_uptime),
	READABLE(IN_ROOT, "loadavg", proc_loadavg),
	READABLE(IN_ROOT, "cpuinfo", proc_cpuinfo),
	READABLE(IN_ROOT, "version", proc_version),
	READABLE(IN_ROOT, "filesystems", proc_filesystems),
	READABLE(IN_ROOT, "mounts", proc_mounts),
	READABLE(IN_ROOT, "cmdline", proc_boot_cmdline),
	READABLE(IN_ROOT, "devices", proc_devices),
	READABLE(IN_ROOT, "partitions", proc_partitions),
	READABLE(IN_ROOT, "diskstats", proc_diskstats),
	READABLE(IN_ROOT, "vmstat", proc_vmstat),
	READABLE(IN_ROOT, "bulkhead", proc_bulkhead),
	DIRECTORY(IN_ROOT, "net", IN_NET),
	READABLE(IN_NET, "arp", proc_net_arp),
	READABLE(IN_NET, "dev", proc_net_dev),
	READABLE(IN_NET, "dev_mcast", proc_net_dev_mcast),
	READABLE(IN_NET, "if_inet6", proc_net_if_inet6),
	READABLE(IN_NET, "igmp", proc_net_igmp),
	READABLE(IN_NET, "igmp6", proc_net_igmp6),
	READABLE(IN_NET, "ipv6_route", proc_net_ipv6_route),
	READABLE(IN_NET, "packet", proc_net_packet),
	READABLE(IN_NET, "pnp", proc_net_pnp),
	READABLE(IN_NET, "netstat", proc_net_netstat),
	READABLE(IN_NET, "raw", proc_net_raw),
	READABLE(IN_NET, "raw6", proc_net_raw6),
	READABLE(IN_NET, "snmp", proc_net_snmp),
	READABLE(IN_NET, "snmp6", proc_net_snmp6),
	READABLE(IN_NET, "route", proc_net_route),
	READABLE(IN_NET, "sockstat", proc_net_sockstat),
	{ IN_NET, "tcp", S_IFREG | 0444, TEXT_FILE, proc_net_tcp, NULL, true },
	{ IN_NET, "tcp6", S_IFREG | 0444, TEXT_FILE, proc_net_tcp6, NULL, true },
	READABLE(IN_NET, "udp", proc_net_udp),
	READABLE(IN_NET, "udp6", proc_net_udp6),
	READABLE(IN_NET, "unix", proc_net_unix),
	DIRECTORY(IN_ROOT, "sys", IN_SYS),
	DIRECTORY(IN_SYS, "kernel", IN_KERNEL),
	DIRECTORY(IN_SYS, "vm", IN_VM),
	DIRECTORY(IN_SYS, "fs", IN_FS),
	DIRECTORY(IN_SYS, "net", IN_SYS_NET),
	DIRECTORY(IN_SYS_NET, "core", IN_CORE),
	DIRECTORY(IN_SYS_NET, "ipv4", IN_IPV4),
	DIRECTORY(IN_SYS_NET, "ipv6", IN_IPV6),
	DIRECTORY(IN_IPV6, "conf", IN_CONF),
	DIRECTORY(IN_CONF, "all", IN_CONF_ALL),
	DIRECTORY(IN_SYS_NET, "unix", IN_UNIX),
	READABLE(IN_CORE, "rmem_default", proc_socket_buffer),
	READABLE(IN_CORE, "rmem_max", proc_socket_buffer),
	READABLE(IN_CORE, "somaxconn", proc_somaxconn),
	READABLE(IN_CORE, "wmem_default", proc_socket_buffer),
	READABLE(IN_CORE, "wmem_max", proc_socket_buffer),
	READABLE(IN_IPV4, "ip_default_ttl", proc_default_ttl),
	READABLE(IN_IPV4, "ip_forward", proc_is_off),
	READABLE(IN_IPV4, "ip_local_port_range", proc_port_range),
	READABLE(IN_IPV4, "ip_nonlocal_bind", proc_is_off),
	READABLE(IN_IPV4, "ip_unprivileged_port_start", proc_first_free_port),
	{ IN_IPV4, "ping_group_range", S_IFREG | 0644, TEXT_FILE, proc_ping_groups, proc_ping_groups_set, false },
	READABLE(IN_IPV4, "tcp_allowed_congestion_control", proc_congestion),
	READABLE(IN_IPV4, "tcp_available_congestion_control", proc_congestion),
	READABLE(IN_IPV4, "tcp_congestion_control", proc_congestion),
	READABLE(IN_IPV4, "tcp_ecn", proc_is_off),
	READABLE(IN_IPV4, "tcp_fastopen", proc_is_off),
	READABLE(IN_IPV4, "tcp_fin_timeout", proc_fin_timeout),
	READABLE(IN_IPV4, "tcp_keepalive_intvl", proc_keepalive_interval),
	READABLE(IN_IPV4, "tcp_keepalive_probes", proc_keepalive_probes),
	READABLE(IN_IPV4, "tcp_keepalive_time", proc_keepalive_time),
	READABLE(IN_IPV4, "tcp_rmem", proc_tcp_buffer_in),
	READABLE(IN_IPV4, "tcp_sack", proc_is_on),
	READABLE(IN_IPV4, "tcp_syn_retries", proc_syn_retries),
	READABLE(IN_IPV4, "tcp_syncookies", proc_is_off),
	READABLE(IN_IPV4, "tcp_timestamps", proc_is_off),
	READABLE(IN_IPV4, "tcp_window_scaling", proc_is_on),
	READABLE(IN_IPV4, "tcp_wmem", proc_tcp_buffer_out),
	READABLE(IN_IPV6, "bindv6only", proc_is_off),
	READABLE(IN_CONF_ALL, "disable_ipv6", proc_is_off),
	READABLE(IN_CONF_ALL, "forwarding", proc_is_off),
	READABLE(IN_UNIX, "max_dgram_qlen", proc_datagram_queue),
	READABLE(IN_KERNEL, "hostname", proc_hostname),
	READABLE(IN_KERNEL, "osrelease", proc_osrelease),
	READABLE(IN_KERNEL, "ostype", proc_ostype),
	READABLE(IN_KERNEL, "pid_max", proc_pid_max),
	READABLE(IN_KERNEL, "threads-max", proc_threads_max),
	{ IN_VM, "drop_caches", S_IFREG | 0200, TEXT_FILE, proc_empty, proc_drop_caches, false },
	READABLE(IN_VM, "overcommit_memory", proc_overcommit),
	READABLE(IN_FS, "file-max", proc_file_max),
	READABLE(IN_FS, "file-nr", proc_file_count),
	READABLE(IN_PID, "stat", proc_pid_stat),
	READABLE(IN_PID, "status", proc_pid_status),
	READABLE(IN_PID, "statm", proc_pid_statm),
	READABLE(IN_PID, "cmdline", proc_pid_cmdline),
	READABLE(IN_PID, "comm", proc_pid_comm),
	{ IN_PID, "maps", S_IFREG | 0444, TEXT_FILE, proc_pid_maps, NULL, true },
	{ IN_PID, "smaps", S_IFREG | 0444, TEXT_FILE, proc_pid_smaps, NULL, true },
	READABLE(IN_PID, "limits", proc_pid_limits),
	{ IN_PID, "environ", S_IFREG | 0400, TEXT_FILE, proc_pid_environ, NULL, false },
	{ IN_PID, "auxv", S_IFREG | 0400, TEXT_FILE, proc_pid_auxv, NULL, false },
	{ IN_PID, "syscall", S_IFREG | 0400, TEXT_FILE, proc_pid_syscall, NULL, false },
	{ IN_PID, "stack", S_IFREG | 0400, TEXT_FILE, proc_pid_stack, NULL, false },
	READABLE(IN_PID, "wchan", proc_pid_wchan),
	READABLE(IN_PID, "oom_score", proc_pid_oom_score),
	{ IN_PID, "oom_score_adj", S_IFREG | 0644, TEXT_FILE, proc_pid_oom_score_adj, proc_pid_oom_adjust, false },
	{ IN_PID, "io", S_IFREG | 0400, TEXT_FILE, proc_pid_io, NULL, false },
	READABLE(IN_PID, "cgroup", proc_cgroup),
	READABLE(IN_PID, "mountinfo", proc_mountinfo),
	READABLE(IN_PID, "mounts", proc_mounts),
	DIRECTORY(IN_PID, "net", IN_NET),
	{ IN_PID, "fd", S_IFDIR | 0500, IN_FD, NULL, NULL, false },
	DIRECTORY(IN_PID, "task", IN_TASK),
};
/* A thread's directory has what a process's has, but no threads of its own. */
static bool entry_is_in(const struct text_entry *e, unsigned in)
{
	return e->in == in || (in == IN_TID && e->in == IN_PID && e->is != IN_TASK);
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

/* What that number is in such a directory; a thread has a number as a process has. */
static void name_fill(enum dir in, uint32_t pid, uint32_t number, struct text_name *n)
{
	n->entry = in == IN_ROOT ? E_PID : in == IN_TASK ? E_TID : E_FD;
	n->object = in == IN_FD ? pid : number;
	n->minor = in == IN_FD ? number : 0;
	n->number = number;
	format_text(n->name, sizeof(n->name), "%u", number);
}

static bool proc_find(const struct inode *dir, const char *name, unsigned length, struct text_name *n)
{
	enum dir in = text_entry_at(dir)->is;
	uint32_t pid = text_object_of(dir), number;
	if (!number_parse(name, length, &number)) {
		return false;
	}
	struct file *f = in == IN_FD ? proc_pid_file(pid, number) : NULL;
	if (f) {
		file_put(f);
	}
	name_fill(in, pid, number, n);
	return in == IN_ROOT ? number != 0 : in == IN_TASK ? number != 0 && proc_tid_next(pid, number) == number : f != NULL;
}

static bool proc_next(const struct inode *dir, uint32_t from, struct text_name *n)
{
	enum dir in = text_entry_at(dir)->is;
	uint32_t pid = text_object_of(dir);
	int fd = in == IN_FD ? proc_fd_next(pid, from) : -1;
	uint32_t number = in == IN_ROOT ? proc_pid_next(from) : in == IN_TASK ? proc_tid_next(pid, from) : (uint32_t)fd;
	name_fill(in, pid, number, n);
	return in == IN_FD ? fd >= 0 : (in == IN_ROOT || in == IN_TASK) && number != 0;
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

static int self_describe(uint32_t pid, struct text *t)
{
	text_add(t, "%u", process_current() ? process_current()->pid : 0);
	return process_current() ? 0 : -ENOENT;
}

static int program_describe(uint32_t pid, struct text *t)
{
	long n = proc_pid_exe(pid, t->buffer, t->size);
	t->length = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

static long jump_readlink(struct inode *inode, char *target, size_t size)
{
	struct dentry *d = NULL;
	struct file *f = NULL;
	int error = inode->ops->jump(inode, &d, &f);
	if (error) {
		return error;
	}
	char *path = kmalloc(PATH_MAX);
	long n = path ? 0 : -ENOMEM;
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
	if (!proc_pid_accessible(text_object_of(inode))) {
		return -EACCES; /* another user's: the permissions on the way there are not the caller's */
	}
	if (text_entry_of(inode) != E_FD) {
		return proc_pid_directory(text_object_of(inode), text_entry_of(inode) == E_PROCESS_ROOT, dentry);
	}
	struct file *f = proc_pid_file(text_object_of(inode), text_minor_of(inode));
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

static const struct inode_ops proc_jump_ops = { .readlink = jump_readlink, .jump = proc_jump };

/*
 * /proc/PID/mem: the position is the address. What was opened is the memory of that moment: after an exec it reads as empty, for the program
 * that has the descriptor then need not be one that would have opened it, as a set-user-ID program that writes its errors there.
 */
static int memory_open(struct file *f)
{
	int error;
	struct address_space *memory = process_memory_of(text_object_of(f->inode), &error);
	if (memory) {
		f->private = (void *)(uintptr_t)address_space_number(memory);
		address_space_put(memory);
	}
	return error == -EPERM ? -EACCES : 0;
}

static long memory_access(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset, unsigned how)
{
	int error;
	struct address_space *memory = process_memory_of(text_object_of(f->inode), &error);
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

static int proc_fill(struct inode *inode)
{
	uint32_t pid = text_object_of(inode);
	if (pid && !proc_pid_exists(pid, &inode->uid, &inode->gid)) {
		return -ENOENT;
	}
	inode->private = (void *)(uintptr_t)time_ns(); /* who has its number now began no later */
	unsigned entry = text_entry_of(inode);
	if (entry == E_CWD || entry == E_PROCESS_ROOT || entry == E_FD) {
		inode->ops = &proc_jump_ops;
	} else if (entry == E_MEMORY) {
		inode->file_ops = &proc_memory_ops;
	}
	return 0;
}

uint32_t procfs_process(const struct file *f, uint64_t *since_ns)
{
	if (!text_is_directory(f) || f->inode->super->magic != PROC_MAGIC || text_entry_of(f->inode) != E_PID) {
		return 0;
	}
	*since_ns = (uintptr_t)f->inode->private;
	return text_object_of(f->inode);
}

int procfs_super_open(struct super **out)
{
	static const struct text_fs procfs = { "proc", PROC_MAGIC, entries, sizeof(entries) / sizeof(entries[0]), E_SELF, entry_is_in, proc_fill,
					       proc_next, proc_find };
	return text_super_open(&procfs, out);
}
