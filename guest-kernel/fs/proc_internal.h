/* SPDX-License-Identifier: MIT */
/* Inside of procfs: what writes its files, and how it finds processes, threads and descriptors. */
#ifndef FS_PROC_INTERNAL_H
#define FS_PROC_INTERNAL_H

#include "fs/text_fs.h"

/* A text_writer each; pid 0 for those of the system. */
int proc_meminfo(uint32_t pid, struct text *t);
int proc_system_stat(uint32_t pid, struct text *t);
int proc_uptime(uint32_t pid, struct text *t);
int proc_loadavg(uint32_t pid, struct text *t);
int proc_cpuinfo(uint32_t pid, struct text *t);
int proc_version(uint32_t pid, struct text *t);
int proc_filesystems(uint32_t pid, struct text *t);
int proc_mounts(uint32_t pid, struct text *t);
int proc_boot_cmdline(uint32_t pid, struct text *t);
int proc_devices(uint32_t pid, struct text *t);
int proc_partitions(uint32_t pid, struct text *t);
int proc_diskstats(uint32_t pid, struct text *t);
int proc_vmstat(uint32_t pid, struct text *t);
int proc_hostname(uint32_t pid, struct text *t);
int proc_osrelease(uint32_t pid, struct text *t);
int proc_ostype(uint32_t pid, struct text *t);
int proc_pid_max(uint32_t pid, struct text *t);
int proc_threads_max(uint32_t pid, struct text *t);
int proc_overcommit(uint32_t pid, struct text *t);
int proc_file_max(uint32_t pid, struct text *t);
int proc_file_count(uint32_t pid, struct text *t);
int proc_bulkhead(uint32_t pid, struct text *t);
int proc_mountinfo(uint32_t pid, struct text *t);
int proc_cgroup(uint32_t pid, struct text *t);
/** What is only written. */
int proc_empty(uint32_t pid, struct text *t);
/** As on Linux: a number whose bit 0 asks for clean pages to be given back. */
int proc_drop_caches(uint32_t pid, const char *text, size_t length);
/* proc_oom.c */
int proc_pid_oom_score(uint32_t pid, struct text *t);
int proc_pid_oom_score_adj(uint32_t pid, struct text *t);
int proc_pid_oom_adjust(uint32_t pid, const char *text, size_t length);

/* net/proc_net.c */
int proc_net_arp(uint32_t pid, struct text *t);
int proc_net_dev(uint32_t pid, struct text *t);
int proc_net_if_inet6(uint32_t pid, struct text *t);
int proc_net_ipv6_route(uint32_t pid, struct text *t);
int proc_net_pnp(uint32_t pid, struct text *t);
int proc_net_route(uint32_t pid, struct text *t);
/* net/proc_counts.c */
int proc_net_netstat(uint32_t pid, struct text *t);
int proc_net_snmp(uint32_t pid, struct text *t);
int proc_net_snmp6(uint32_t pid, struct text *t);
/* net/proc_groups.c */
int proc_net_igmp(uint32_t pid, struct text *t);
int proc_net_igmp6(uint32_t pid, struct text *t);
int proc_net_dev_mcast(uint32_t pid, struct text *t);
/* net/proc_settings.c */
int proc_somaxconn(uint32_t pid, struct text *t);
int proc_socket_buffer(uint32_t pid, struct text *t);
int proc_port_range(uint32_t pid, struct text *t);
int proc_first_free_port(uint32_t pid, struct text *t);
int proc_default_ttl(uint32_t pid, struct text *t);
int proc_congestion(uint32_t pid, struct text *t);
int proc_fin_timeout(uint32_t pid, struct text *t);
int proc_keepalive_time(uint32_t pid, struct text *t);
int proc_keepalive_interval(uint32_t pid, struct text *t);
int proc_keepalive_probes(uint32_t pid, struct text *t);
int proc_syn_retries(uint32_t pid, struct text *t);
int proc_tcp_buffer_in(uint32_t pid, struct text *t);
int proc_tcp_buffer_out(uint32_t pid, struct text *t);
int proc_datagram_queue(uint32_t pid, struct text *t);
int proc_is_on(uint32_t pid, struct text *t);
int proc_is_off(uint32_t pid, struct text *t);
int proc_ping_groups(uint32_t pid, struct text *t);
int proc_ping_groups_set(uint32_t pid, const char *text, size_t length);
/* net/proc_sockets.c */
int proc_net_packet(uint32_t pid, struct text *t);
int proc_net_raw(uint32_t pid, struct text *t);
int proc_net_raw6(uint32_t pid, struct text *t);
int proc_net_sockstat(uint32_t pid, struct text *t);
int proc_net_tcp(uint32_t pid, struct text *t);
int proc_net_tcp6(uint32_t pid, struct text *t);
int proc_net_udp(uint32_t pid, struct text *t);
int proc_net_udp6(uint32_t pid, struct text *t);
int proc_net_unix(uint32_t pid, struct text *t);

int proc_pid_stat(uint32_t pid, struct text *t);
int proc_pid_status(uint32_t pid, struct text *t);
int proc_pid_statm(uint32_t pid, struct text *t);
int proc_pid_cmdline(uint32_t pid, struct text *t);
int proc_pid_comm(uint32_t pid, struct text *t);
int proc_pid_auxv(uint32_t pid, struct text *t);
int proc_pid_environ(uint32_t pid, struct text *t);
int proc_pid_syscall(uint32_t pid, struct text *t);
int proc_pid_stack(uint32_t pid, struct text *t);
int proc_pid_wchan(uint32_t pid, struct text *t);
int proc_pid_maps(uint32_t pid, struct text *t);
int proc_pid_smaps(uint32_t pid, struct text *t);
int proc_pid_limits(uint32_t pid, struct text *t);
int proc_pid_io(uint32_t pid, struct text *t);
/** May the current process look into it? */
bool proc_pid_accessible(uint32_t pid);
/** Path of the program: the first file in its memory. Length or negative errno. */
long proc_pid_exe(uint32_t pid, char *path, size_t size);
/** The working directory or the root, referenced. */
int proc_pid_directory(uint32_t pid, bool root, struct dentry **dentry);
/** The lowest open descriptor >= fd; -1: none. */
int proc_fd_next(uint32_t pid, unsigned fd);
struct file *proc_pid_file(uint32_t pid, unsigned fd); /* referenced; NULL */
bool proc_pid_exists(uint32_t pid, uint32_t *uid, uint32_t *gid);
/** The lowest process number >= pid; 0: none. */
uint32_t proc_pid_next(uint32_t pid);
/** The lowest thread number >= tid of the process; 0: none. */
uint32_t proc_tid_next(uint32_t pid, uint32_t tid);

#endif
