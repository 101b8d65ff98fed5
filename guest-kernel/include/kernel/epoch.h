/* SPDX-License-Identifier: MIT */
/*
 * Reads without locks. What is found between epoch_enter() and epoch_exit() in a structure whose memory is given back by epoch_free()
 * stays memory of its kind until epoch_exit(), whatever others do to it meanwhile. Such a section is entered by a thread, not by an
 * interrupt handler; it is short; it does not sleep, allocate or touch user memory, and no other thread runs on its processor before
 * it is over. Sections nest. sched/epoch.c has the proof.
 */
#ifndef KERNEL_EPOCH_H
#define KERNEL_EPOCH_H

/* In an object that epoch_free() takes: the wait for its end needs no memory. */
struct epoch_link {
	struct epoch_link *next;
	void *memory;
};

/** kfree(memory), `link` within it, when every section that is under way now has ended. Any context. */
void epoch_free(struct epoch_link *link, void *memory);
/** Wait until every section that is under way now has ended, and give back what this processor holds. Interrupts on, in no section. */
void epoch_wait(void);

/* Private: sections under way on this processor, and EPOCH_ASKED: somebody waits for their end. GS:32 is struct cpu's `reading`. */
#define EPOCH_ASKED 0x80000000u
void epoch_exit_asked(void);
void epoch_enter_watched(void);

#if __STDC_HOSTED__
void epoch_enter(void);
void epoch_exit(void);
#else
static inline void epoch_enter(void)
{
	if (CONFIG_DEBUG) {
		epoch_enter_watched();
	}
	__asm__ volatile("incl %%gs:32" : : : "memory", "cc");
}

static inline void epoch_exit(void)
{
	_Bool asked;
	__asm__ volatile("decl %%gs:32" : "=@ccs"(asked) : : "memory");
	if (__builtin_expect(asked, 0)) {
		epoch_exit_asked();
	}
}
#endif

#endif
