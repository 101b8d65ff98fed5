/* SPDX-License-Identifier: MIT */
/*
 * What a domain and the hypervisor say to each other: CPUID leaves, hypercalls, the domain page.
 * docs/abi.md is the prose and the change log.
 *
 * A call: VMMCALL (AMD) or VMCALL (Intel) with the number in RAX and arguments in RDI, RSI, RDX,
 * RCX; the result, 0 or a positive value or a negative errno, comes back in RAX; every other
 * register is kept. Only CPL 0 may call (-EPERM otherwise). An unknown number is -ENOSYS.
 */
#ifndef BULKHEAD_ABI_HYPERCALL_H
#define BULKHEAD_ABI_HYPERCALL_H

#include <stdint.h>

#define BH_ABI_VERSION 1

/* CPUID 4000_0000h: EAX = highest leaf, EBX:ECX:EDX = "BulkheadHV\0\0".
 * CPUID 4000_0001h: EAX = BH_ABI_VERSION, EBX = GPA >> 12 of the domain page,
 *                   ECX = TSC frequency in kHz, EDX: BH_FEATURE_... */
#define BH_FEATURE_VMCALL 1u /* a call is VMCALL; else VMMCALL */
#define BH_FEATURE_UPCALL_EOI 2u /* an upcall wants an EOI: WRMSR 80Bh */
#define BH_CPUID_SIGNATURE 0x40000000u
#define BH_CPUID_DOMAIN 0x40000001u
#define BH_SIGNATURE_EBX 0x6b6c7542u /* "Bulk" */
#define BH_SIGNATURE_ECX 0x64616568u /* "head" */
#define BH_SIGNATURE_EDX 0x00005648u /* "HV\0\0" */

enum bh_hypercall {
	/* wait(signal_mask, deadline_tsc): set the events of signal_mask at their peers, then sleep
	 * until an event is pending on this vCPU or the TSC reaches the deadline (0: no deadline).
	 * Returns 0 at once if one is pending already. Works with IF=0: this is the idle call. */
	BH_HC_WAIT = 0,
	/* signal(signal_mask): as above without sleeping. */
	BH_HC_SIGNAL = 1,
	/* upcall(vector): inject this vector when an event becomes pending while IF=1 and the vCPU
	 * is not in wait. It wants an EOI only if CPUID says so. 0 (the state at start): never. Each
	 * vCPU's own, as wait's and timer's effects are. */
	BH_HC_UPCALL = 2,
	/* timer(deadline_tsc): one-shot; sets BH_EVENT_TIMER at the deadline. 0: disarm. */
	BH_HC_TIMER = 3,
	/* grant(link, gpa, len, prot): the front end lets the back end of this link reach
	 * [gpa, gpa+len), page-aligned, at BH_LINK_WINDOW(slot) + gpa of the back end, by processor
	 * (BH_GRANT_CPU) and/or by its devices (BH_GRANT_DMA). prot 0 takes it back. Grants survive
	 * the back end's reboot. At most BH_MAX_GRANTS ranges a link (-ENOSPC). */
	BH_HC_GRANT = 4,
	/* link_ready(link, epoch): the front end has rebuilt its rings from its own records after
	 * the back end's reboot; the back end may start at used.idx. */
	BH_HC_LINK_READY = 5,
	/* link_complain(link, reason): the front end found the back end's ring entries impossible:
	 * the hypervisor kills and reboots the back end. */
	BH_HC_LINK_COMPLAIN = 6,
	/* link_offer(link, gpa of struct bh_link_offer): the back end says what its device is. */
	BH_HC_LINK_OFFER = 7,
	/* pci_read(dev, offset, width) -> value; width 1, 2, 4. Filtered (docs/abi.md). */
	BH_HC_PCI_READ = 8,
	/* pci_write(dev, offset, width, value). Filtered: MSI, BARs and bridges are the hypervisor's. */
	BH_HC_PCI_WRITE = 9,
	/* pci_irq(dev, index, event): deliver the device's interrupt (MSI-X entry index, or MSI, index 0) as
	 * that event bit of vCPU 0. event 0 disables. */
	BH_HC_PCI_IRQ = 10,
	/* console_write(gpa, len): len <= 4096, may cross one page. -EPERM without a console. */
	BH_HC_CONSOLE_WRITE = 11,
	/* console_read(gpa, len) -> bytes taken; BH_EVENT_CONSOLE says that there are some. */
	BH_HC_CONSOLE_READ = 12,
	/* log(gpa, len): one line for the hypervisor's log, prefixed with the domain's name. */
	BH_HC_LOG = 13,
	/* power(action, status): see enum bh_power. */
	BH_HC_POWER = 14,
	/* stat(gpa, len) -> bytes written: struct bh_stat of all domains, main domain only. */
	BH_HC_STAT = 15,
	/* ipi(vcpu mask, event): set that event, 3 to 7, at each of the caller's domain's vCPUs in the mask. */
	BH_HC_IPI = 16,
	/* capsule(domain, offset, gpa, len) -> bytes: part of what is kept of that domain's last death (abi/capsule.h),
	 * 0 behind its end; len <= 4096. Main domain only. */
	BH_HC_CAPSULE = 17,
	BH_HC_COUNT /* at most 20, for ever */
};

enum bh_power {
	BH_POWER_STARTED = 0, /* main domain: the user's command starts now */
	BH_POWER_OFF = 1, /* main domain: power the machine off; status is the command's exit status */
	BH_POWER_PANIC = 2, /* this domain gives up: main: machine off; other: recovery */
	BH_POWER_ALIVE = 3, /* driver domain: up and serving (ends the recovery's last phase) */
};

#define BH_GRANT_CPU_READ 1u
#define BH_GRANT_CPU_WRITE 2u
#define BH_GRANT_DMA_READ 4u /* the device may read (a disk write) */
#define BH_GRANT_DMA_WRITE 8u /* the device may write (a disk read) */

/* Events: bits of bh_domain_page.pending. */
#define BH_EVENT_TIMER 0
#define BH_EVENT_CONSOLE 1 /* console input */
#define BH_EVENT_EPOCH 2 /* a link's back end rebooted, or a link's state changed: look at links[] */
#define BH_EVENT_IPI 3 /* to 7: the domain's own, from one of its vCPUs to another */
#define BH_EVENT_LINK 8 /* + slot: rung by the peer of links[slot] */
#define BH_EVENT_DEVICE 32 /* + n: free for pci_irq; links and devices ring vCPU 0 */
#define BH_EVENT_COUNT 64

#define BH_MAX_VCPUS 16
#define BH_MAX_LINKS 8 /* a domain */
#define BH_MAX_DEVICES 4 /* a domain */
#define BH_MAX_GRANTS 16 /* a link */
#define BH_MAX_QUEUES 4 /* a link */

/* Where the back end sees GPA 0 of the front end of links[slot], and where its device does. */
#define BH_LINK_WINDOW(slot) (((uint64_t)(slot) + 1) << 38)

enum bh_link_role { BH_LINK_NONE = 0, BH_LINK_FRONT = 1, BH_LINK_BACK = 2 };
enum bh_link_state {
	BH_LINK_DOWN = 0, /* the back end is not up (first boot, or being rebooted) */
	BH_LINK_REBUILD = 1, /* the back end is up again; the front end is to rebuild and say ready */
	BH_LINK_UP = 2,
};

struct bh_queue {
	uint32_t size; /* entries; 0: not set */
	uint32_t ready;
	uint64_t desc, driver, device; /* front-end GPAs (VIRTIO 1.2, 4.2.2) */
};

struct bh_grant {
	uint64_t gpa, len; /* front-end GPA, bytes; len 0: free entry */
	uint32_t prot;
	uint32_t reserved;
};

struct bh_link {
	uint32_t role; /* enum bh_link_role */
	uint32_t kind; /* VIRTIO device ID: 1 net, 2 block */
	uint32_t state; /* enum bh_link_state */
	uint32_t epoch; /* counts the back end's boots, from 1 */
	uint64_t mmio; /* front: GPA of the virtio-mmio register file, 0x200 bytes */
	uint64_t window; /* back: BH_LINK_WINDOW(slot) */
	uint64_t front_memory; /* back: bytes of the front end's memory, bound for grants */
	uint32_t status; /* the device status register as the front end wrote it */
	uint32_t reserved;
	uint64_t features; /* what the front end accepted */
	struct bh_queue queues[BH_MAX_QUEUES];
	struct bh_grant grants[BH_MAX_GRANTS];
	char peer[16];
	uint64_t dma_window; /* back: GPA 0 of the front end as the back end's devices see it; window, unless unfenced */
};

struct bh_bar {
	uint64_t gpa; /* where the BAR is mapped in this domain, 0: none */
	uint64_t size;
};

struct bh_device {
	uint32_t present;
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits: class, subclass, programming interface */
	uint16_t bdf, reserved;
	uint32_t reserved2;
	struct bh_bar bars[6];
};

/*
 * One per domain, in the hypervisor's memory, mapped at the GPA that CPUID names: `pending` is
 * read-write for the domain (first page), all else is written by the hypervisor only. The
 * hypervisor never reads back anything that the domain can write, but `pending`.
 */
struct bh_event_page {
	_Atomic uint64_t pending[BH_MAX_VCPUS]; /* xchg with 0 to take */
};

struct bh_domain_page { /* the pages after the event page, read-only for the domain */
	uint32_t abi_version;
	uint32_t domain_id;
	char name[16];
	uint32_t vcpu_count;
	uint32_t epoch; /* this domain's boots, from 1 */
	uint64_t tsc_khz;
	uint64_t wall_clock_ns; /* UTC since 1970 when the TSC read wall_clock_tsc */
	uint64_t wall_clock_tsc;
	struct bh_device devices[BH_MAX_DEVICES];
	struct bh_link links[BH_MAX_LINKS];
	uint64_t dma_offset; /* own GPA to bus address; 0, unless unfenced without an IOMMU */
};

#define BH_DOMAIN_PAGE_OFFSET 4096 /* of struct bh_domain_page from the GPA that CPUID names */
#define BH_DOMAIN_PAGES 4 /* event page included */
_Static_assert(sizeof(struct bh_domain_page) <= (BH_DOMAIN_PAGES - 1) * 4096, "domain page");

struct bh_link_offer {
	uint64_t features; /* VIRTIO feature bits */
	uint32_t queue_max; /* entries, a power of two, <= 1024 */
	uint32_t queue_count; /* <= BH_MAX_QUEUES */
	uint32_t config_len; /* bytes used of config */
	uint32_t reserved;
	uint8_t config[64]; /* device configuration space */
};

enum bh_exit_reason {
	BH_EXIT_INTERRUPT, BH_EXIT_HYPERCALL, BH_EXIT_MMIO, BH_EXIT_IO, BH_EXIT_MSR, BH_EXIT_CPUID,
	BH_EXIT_HLT, BH_EXIT_WINDOW, BH_EXIT_PAGE_FAULT, BH_EXIT_OTHER, BH_EXIT_COUNT
};

struct bh_stat_domain {
	char name[16];
	uint32_t epoch, vcpu_count;
	uint64_t exits[BH_EXIT_COUNT];
	uint64_t exit_cycles[BH_EXIT_COUNT]; /* TSC cycles spent in the hypervisor */
	uint64_t run_cycles; /* TSC cycles in the guest */
};

struct bh_stat {
	uint32_t domain_count, reserved;
	uint64_t tsc;
	struct bh_stat_domain domains[16];
};

#endif
