/* SPDX-License-Identifier: MIT */
/* The files of /proc that tell of the whole system, in the formats that free, top, df, uptime and the C library read (proc(5)). */
#include "fs/proc_internal.h"

#include "arch/cpu.h"
#include "base/format.h"
#include "kernel/block.h"
#include "kernel/platform.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "mm/boot_memory.h"

#define TICK_NS 10000000ul

int proc_empty(uint32_t pid, struct text *t)
{
	return 0;
}

int proc_drop_caches(uint32_t pid, const char *text, size_t length)
{
	if (length == 0 || text[0] < '1' || text[0] > '3') {
		return -EINVAL;
	}
	if (text[0] != '2') {
		page_cache_shrink();
	}
	return 0;
}

/* Free memory and what is used for each purpose are all there is; Cached has what lives in memory only (Shmem), as on Linux. */
int proc_meminfo(uint32_t pid, struct text *t)
{
	uint64_t total, free, cached, dirty, writeback, used[PAGE_KINDS];
	uint64_t vmap_all = VMAP_END - VMAP_BASE, vmap_used, vmap_untouched;
	memory_usage(&total, &free);
	memory_used(used);
	kernel_vmap_usage(&vmap_used, &vmap_untouched);
	page_cache_usage(&cached, &dirty, &writeback);
	text_add(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\nBuffers:        %8u kB\n", total * 4, free * 4,
		 (free + cached - dirty) * 4, 0);
	text_add(t, "Cached:         %8lu kB\nSwapCached:     %8u kB\nSwapTotal:      %8u kB\nSwapFree:       %8u kB\n",
		 (used[PAGE_FILE] + used[PAGE_SHARED]) * 4, 0, 0, 0);
	text_add(t, "Dirty:          %8lu kB\nWriteback:      %8lu kB\nAnonPages:      %8lu kB\nMapped:         %8lu kB\nShmem:          %8lu kB\n",
		 dirty * 4, writeback * 4, used[PAGE_ANONYMOUS] * 4, memory_mapped_files() * 4, used[PAGE_SHARED] * 4);
	text_add(t, "Slab:           %8lu kB\nSReclaimable:   %8u kB\nSUnreclaim:     %8lu kB\nKernelStack:    %8lu kB\n", used[PAGE_HEAP] * 4, 0,
		 used[PAGE_HEAP] * 4, used[PAGE_STACK] * 4);
	text_add(t, "VmallocTotal:   %8lu kB\nVmallocUsed:    %8lu kB\nVmallocChunk:   %8lu kB\n", vmap_all / 1024, vmap_used / 1024,
		 vmap_untouched / 1024);
	text_add(t, "PageTables:     %8lu kB\nKernelOther:    %8lu kB\nAnonHugePages:  %8lu kB\nHugePages_Total:   %5u\nHugepagesize:   %8u kB\n",
		 used[PAGE_TABLE] * 4, used[PAGE_KERNEL] * 4, memory_large_pages() * 2048, 0, 2048);
	return 0;
}

struct busy {
	uint64_t user_ns, system_ns;
	unsigned threads, running;
	uint32_t last_pid;
};

static struct busy busy_sum(void)
{
	struct busy b = { 0 };
	spin_lock(&process_lock);
	list_for_each(node, &process_list) {
		struct process *p = container_of(node, struct process, all_link);
		b.last_pid = p->pid > b.last_pid ? p->pid : b.last_pid;
		b.user_ns += p->user_ns;
		b.system_ns += p->system_ns;
		list_for_each(thread_node, &p->threads) {
			struct thread *thread = container_of(thread_node, struct thread, process_link);
			b.threads++;
			b.user_ns += thread->user_ns;
			b.system_ns += thread->system_ns;
			b.running += thread->state == THREAD_RUNNING || thread->state == THREAD_RUNNABLE;
		}
	}
	spin_unlock(&process_lock);
	return b;
}

static void cpu_line(struct text *t, const char *name, const struct thread_times *times, uint64_t up_ns)
{
	uint64_t busy = times->user_ns + times->system_ns, idle = up_ns > busy ? up_ns - busy : 0;
	text_add(t, "%s %lu 0 %lu %lu 0 0 0 0 0 0\n", name, times->user_ns / TICK_NS, times->system_ns / TICK_NS, idle / TICK_NS);
}

int proc_system_stat(uint32_t pid, struct text *t)
{
	struct busy b = busy_sum();
	uint64_t up = time_ns();
	struct thread_times sum = { 0 }, each[CPU_MAX];
	for (unsigned i = 0; i < cpu_count; i++) {
		each[i] = cpu_count > 1 ? thread_times_of(i) : (struct thread_times){ b.user_ns, b.system_ns };
		sum.user_ns += each[i].user_ns;
		sum.system_ns += each[i].system_ns;
	}
	cpu_line(t, "cpu ", &sum, up * cpu_count);
	for (unsigned i = 0; i < cpu_count; i++) {
		char name[8];
		format_text(name, sizeof(name), "cpu%u", i);
		cpu_line(t, name, &each[i], up);
	}
	uint64_t switches = 0, interrupts = 0;
	for (unsigned i = 0; i < cpu_count; i++) {
		switches += cpu_at(i)->switches;
		interrupts += cpu_at(i)->interrupts;
	}
	text_add(t, "intr %lu\nctxt %lu\n", interrupts, switches);
	text_add(t, "btime %lu\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n", (time_wall_ns() - up) / 1000000000,
		 b.last_pid, b.running);
	return 0;
}

int proc_uptime(uint32_t pid, struct text *t)
{
	struct busy b = busy_sum();
	uint64_t up = time_ns() / TICK_NS, busy = (b.user_ns + b.system_ns) / TICK_NS, all = up * cpu_count, idle = all > busy ? all - busy : 0;
	text_add(t, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
	return 0;
}

int proc_loadavg(uint32_t pid, struct text *t)
{
	struct busy b = busy_sum();
	uint64_t averages[LOAD_AVERAGES];
	load_read(averages);
	for (unsigned i = 0; i < LOAD_AVERAGES; i++) {
		uint64_t hundredths = (averages[i] * 100 + LOAD_ONE / 2) / LOAD_ONE;
		text_add(t, "%lu.%02lu ", hundredths / 100, hundredths % 100);
	}
	text_add(t, "%u/%u %u\n", b.running, b.threads, b.last_pid);
	return 0;
}

int proc_version(uint32_t pid, struct text *t)
{
	text_add(t, "Linux version %s (Bulkhead guest kernel) " SYSTEM_VERSION "\n", SYSTEM_RELEASE);
	return 0;
}

int proc_osrelease(uint32_t pid, struct text *t)
{
	text_add(t, "%s\n", SYSTEM_RELEASE);
	return 0;
}

int proc_ostype(uint32_t pid, struct text *t)
{
	text_add(t, "Linux\n");
	return 0;
}

int proc_hostname(uint32_t pid, struct text *t)
{
	char name[65];
	system_name(name);
	text_add(t, "%s\n", name);
	return 0;
}

int proc_pid_max(uint32_t pid, struct text *t)
{
	text_add(t, "32768\n");
	return 0;
}

int proc_threads_max(uint32_t pid, struct text *t)
{
	text_add(t, "%u\n", process_threads_most());
	return 0;
}

int proc_overcommit(uint32_t pid, struct text *t)
{
	text_add(t, "1\n");
	return 0;
}

/* Memory alone bounds them: as many as Linux's systems set. */
int proc_file_max(uint32_t pid, struct text *t)
{
	text_add(t, "%ld\n", INT64_MAX);
	return 0;
}

/* Open files, unused ones that are kept, the most. */
int proc_file_count(uint32_t pid, struct text *t)
{
	text_add(t, "%lu\t0\t%ld\n", files_open(), INT64_MAX);
	return 0;
}

int proc_filesystems(uint32_t pid, struct text *t)
{
	text_add(t, "\text4\n\text3\n\text2\nnodev\ttmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\tdevtmpfs\n");
	return 0;
}

int proc_mounts(uint32_t pid, struct text *t)
{
	mounts_describe(t->buffer, t->size, true, &t->length);
	return 0;
}

int proc_mountinfo(uint32_t pid, struct text *t)
{
	mounts_describe(t->buffer, t->size, false, &t->length);
	return 0;
}

/* There are none but the root of them all. */
int proc_cgroup(uint32_t pid, struct text *t)
{
	text_add(t, "0::/\n");
	return 0;
}

int proc_boot_cmdline(uint32_t pid, struct text *t)
{
	text_add(t, "%s\n", boot_memory.cmdline);
	return 0;
}

int proc_devices(uint32_t pid, struct text *t)
{
	struct block_device *b;
	text_add(t, "Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n136 pts\n\nBlock devices:\n");
	for (unsigned i = 0; (b = block_at(i)) != NULL; i++) {
		text_add(t, "%3u %s\n", b->major, b->name);
	}
	return 0;
}

int proc_partitions(uint32_t pid, struct text *t)
{
	struct block_device *b;
	text_add(t, "major minor  #blocks  name\n\n");
	for (unsigned i = 0; (b = block_at(i)) != NULL; i++) {
		text_add(t, "%4u %7u %10lu %s\n", b->major, b->minor, b->dev->sectors / 2, b->name);
	}
	return 0;
}

int proc_diskstats(uint32_t pid, struct text *t)
{
	struct block_device *b;
	for (unsigned i = 0; (b = block_at(i)) != NULL; i++) {
		text_add(t, "%4u %7u %s %lu 0 %lu 0 %lu 0 %lu 0 0 0 0\n", b->major, b->minor, b->name, b->reads, b->sectors_read, b->writes,
			 b->sectors_written);
	}
	return 0;
}

/* Of Linux's many counters those that vmstat(8) and its like read; there is no swap. */
int proc_vmstat(uint32_t pid, struct text *t)
{
	uint64_t total, free, cached, dirty, writeback, in = 0, out = 0;
	struct block_device *b;
	for (unsigned i = 0; (b = block_at(i)) != NULL; i++) {
		in += b->sectors_read;
		out += b->sectors_written;
	}
	memory_usage(&total, &free);
	page_cache_usage(&cached, &dirty, &writeback);
	text_add(t, "nr_free_pages %lu\nnr_file_pages %lu\nnr_dirty %lu\nnr_writeback %lu\npgpgin %lu\npgpgout %lu\npswpin 0\npswpout 0\n", free, cached,
		 dirty, writeback, in / 2, out / 2);
	return 0;
}

static const char *const exit_names[BH_EXIT_COUNT] = {
	"interrupt", "hypercall", "mmio", "io", "msr", "cpuid", "hlt", "window", "page_fault", "other",
};

/* The hypervisor's counts, a line per domain: name=value pairs, exits and the cycles they cost by reason. */
int proc_bulkhead(uint32_t pid, struct text *t)
{
	if (!platform_is_bulkhead()) {
		text_add(t, "bare machine\n");
		return 0;
	}
	struct page *page = page_alloc_order(1, ALLOC_ZERO);
	if (!page) {
		return -ENOMEM;
	}
	const struct bh_stat *s = page_data(page);
	_Static_assert(sizeof(*s) <= 2 * PAGE_SIZE, "two pages hold the statistics");
	long n = hypercall(BH_HC_STAT, page_phys(page), sizeof(*s), 0, 0);
	if (n > 0) {
		text_add(t, "tsc=%lu\n", s->tsc);
	}
	for (uint32_t d = 0; n > 0 && d < s->domain_count && d < 16; d++) {
		const struct bh_stat_domain *domain = &s->domains[d];
		text_add(t, "domain=%.16s epoch=%u vcpus=%u run_cycles=%lu", domain->name, domain->epoch, domain->vcpu_count, domain->run_cycles);
		for (int i = 0; i < BH_EXIT_COUNT; i++) {
			text_add(t, " %s=%lu %s_cycles=%lu", exit_names[i], domain->exits[i], exit_names[i], domain->exit_cycles[i]);
		}
		text_add(t, "\n");
	}
	page_free_order(page, 1);
	return n < 0 ? (int)n : 0;
}
