/* SPDX-License-Identifier: MIT */
/* A process's virtual memory (mm/): areas, demand-zero, copy-on-write, file-backed. */
#ifndef KERNEL_ADDRESS_SPACE_H
#define KERNEL_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stdint.h>

struct address_space;
struct file;
struct inode;

struct address_space *address_space_create(void); /* NULL: no memory */
struct address_space *address_space_fork(struct address_space *from); /* copy-on-write; NULL: no memory */
void address_space_get(struct address_space *as);
uint64_t address_space_number(const struct address_space *as); /* which no other one ever has */
void address_space_put(struct address_space *as); /* NULL is allowed */
void address_space_activate(struct address_space *as); /* load CR3 on this processor; NULL: the kernel's own tables (a thread that gives its memory up) */

/* PROT_* and MAP_* are Linux's numbers. Returns the address or a negative errno. */
long address_space_map(struct address_space *as, uint64_t address, uint64_t length, unsigned prot, unsigned flags,
		       struct file *file, uint64_t offset);
int address_space_unmap(struct address_space *as, uint64_t address, uint64_t length);
int address_space_protect(struct address_space *as, uint64_t address, uint64_t length, unsigned prot);
/** exec sets where the heap starts. */
void address_space_set_program(struct address_space *as, struct file *program); /* which the caller runs, too */
/** Which program runs here: its file_identity(); 0: none yet. */
uint64_t address_space_program(const struct address_space *as);
void address_space_set_brk(struct address_space *as, uint64_t start);
/** exec: how long the stack at the top may become, for which mappings leave room. */
void address_space_set_stack_limit(struct address_space *as, uint64_t bytes);
/** The file whose shared mapping, from the file's begin on, begins at `address`; referenced. NULL: there is none. */
struct file *address_space_attached(struct address_space *as, uint64_t address);
/** Resolve a fault at address. 0, or -EFAULT (no area), -EACCES (protection), -EIO, -EINTR: the process is to end (address_space_reap). Waits for memory. */
int address_space_fault(struct address_space *as, uint64_t address, int write, int exec);
/** The file has been cut to first_page pages: nobody maps what was behind them any longer. Not under an address space's lock. */
void address_spaces_cut(const struct inode *inode, uint64_t first_page);
/** Pages [first, end) of the file are others now: nobody has the old ones in a shared mapping any longer. Likewise. */
void address_spaces_drop(const struct inode *inode, uint64_t first, uint64_t end);
#define ACCESS_WRITE 1u
#define ACCESS_FORCE 2u /* a tracer's: what the process itself may not read or write too, if it is private */
/** Copy from or to a process's memory that need not be the current one's. Bytes, fewer at a place that is not there; or a negative errno. */
long address_space_access(struct address_space *as, uint64_t address, void *buffer, unsigned long bytes, unsigned how);
/** For futexes: what lies at `address`, if that is in a MAP_SHARED area: *object, a number that nothing else ever has, and where in it. */
bool address_space_shared_place(struct address_space *as, uint64_t address, uint64_t *object, uint64_t *offset);
/* What /proc tells of it, in pages. */
struct memory_sizes {
	uint64_t total, total_most, resident, resident_most; /* the second of each: what it was at most */
	uint64_t anonymous, file, shared; /* parts of resident; shared: of files in memory and shared anonymous memory */
	uint64_t data, stack, text, libraries, locked, tables; /* data: private and writable; text: the program's own */
};
/** Without `contents`: all but anonymous, file, shared and tables, which have to be counted. */
void address_space_sizes(struct address_space *as, bool contents, struct memory_sizes *sizes);
/** The text of /proc/PID/maps, with `details` of smaps: at most size bytes; returns its length. */
/** Its process is to end: take the private pages away now. No fault brings any from now on. */
void address_space_reap(struct address_space *as);
/** Resident pages and what the kernel has besides for it; likewise. */
uint64_t address_space_held(const struct address_space *as);
/** Count for address_space_held() what takes a lock; where somebody has it, what was counted before stands. One thread at a time calls this. */
void address_space_count(struct address_space *as);
uint64_t address_space_resident(const struct address_space *as); /* a moment's value; any context */
long address_space_describe(struct address_space *as, bool details, char *text, unsigned long size);

#endif
