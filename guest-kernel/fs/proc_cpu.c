/* SPDX-License-Identifier: MIT */
/* /proc/cpuinfo: what CPUID says of the processors, in the lines that programs look for (APM vol. 3, appendix E; SDM vol. 2, CPUID). */
#include "fs/proc_internal.h"

#include "arch/cpu.h"
#include "kernel/time.h"

#define CPUID_NAME 0x80000002u
#define CPUID_ADDRESS_SIZES 0x80000008u

/* Names of the bits of a register of CPUID, as Linux gives them (arch/x86/include/asm/cpufeatures.h); a gap is NULL. */
struct flag_word {
	uint32_t leaf;
	unsigned at; /* of struct cpuid */
	const char *names[32];
};

static const struct flag_word flag_words[] = {
	{ 1, offsetof(struct cpuid, edx),
	  { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca", "cmov", "pat", "pse36", "pn",
	    "clflush", NULL, "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe" } },
	{ 0x80000001, offsetof(struct cpuid, edx),
	  { [11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm",
	    [30] = "3dnowext", [31] = "3dnow" } },
	{ 1, offsetof(struct cpuid, ecx),
	  { "pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm",
	    NULL, "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes", "xsave", NULL, "avx", "f16c",
	    "rdrand", "hypervisor" } },
	{ 0x80000001, offsetof(struct cpuid, ecx),
	  { "lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit",
	    "wdt", NULL, "lwp", "fma4", "tce", NULL, "nodeid_msr", NULL, "tbm", "topoext", "perfctr_core", "perfctr_nb" } },
	{ 7, offsetof(struct cpuid, ebx),
	  { "fsgsbase", "tsc_adjust", NULL, "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid", "rtm", NULL, NULL, "mpx", NULL,
	    "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", NULL, "clflushopt", "clwb", NULL, "avx512pf", "avx512er", "avx512cd",
	    "sha_ni", "avx512bw", "avx512vl" } },
};

static void flags_describe(struct text *t)
{
	for (unsigned w = 0; w < sizeof(flag_words) / sizeof(flag_words[0]); w++) {
		const struct flag_word *word = &flag_words[w];
		bool there = word->leaf <= cpuid(word->leaf & 0x80000000u, 0).eax;
		struct cpuid values = there ? cpuid(word->leaf, 0) : (struct cpuid){ 0 };
		uint32_t bits = *(const uint32_t *)((const char *)&values + word->at);
		for (unsigned bit = 0; bit < 32; bit++) {
			if ((bits >> bit & 1) && word->names[bit]) {
				text_add(t, " %s", word->names[bit]);
			}
		}
	}
}

static void cpu_describe(struct text *t, unsigned index)
{
	struct cpuid names[4] = { cpuid(CPUID_NAME, 0), cpuid(CPUID_NAME + 1, 0), cpuid(CPUID_NAME + 2, 0), { 0 } };
	struct cpuid first = cpuid(0, 0), version = cpuid(1, 0);
	uint32_t sizes = cpuid(CPUID_ADDRESS_SIZES, 0).eax, vendor[4] = { first.ebx, first.edx, first.ecx, 0 };
	uint32_t base_family = version.eax >> 8 & 15, base_model = version.eax >> 4 & 15;
	uint32_t family = base_family == 15 ? base_family + (version.eax >> 20 & 255) : base_family;
	uint32_t model = base_family >= 6 ? base_model | (version.eax >> 12 & 0xf0) : base_model;
	uint64_t khz = time_tsc_khz(), line = (version.ebx >> 8 & 255) * 8;
	text_add(t, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n", index,
		 (const char *)vendor, family, model, (const char *)names, version.eax & 15);
	text_add(t, "cpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\n", khz / 1000,
		 khz % 1000, cpu_count, index, cpu_count, cpu_at(index)->apic_id);
	text_add(t, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", first.eax);
	flags_describe(t);
	text_add(t, "\nbogomips\t: %lu.%02lu\nclflush size\t: %lu\ncache_alignment\t: %lu\n", khz / 500, khz / 5 % 100, line, line);
	text_add(t, "address sizes\t: %u bits physical, %u bits virtual\n\n", sizes & 255, sizes >> 8 & 255);
}

int proc_cpuinfo(uint32_t pid, struct text *t)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		cpu_describe(t, i);
	}
	return 0;
}
