/* SPDX-License-Identifier: MIT */
/*
 * File systems whose files are texts that are made when they are read (procfs.c, sysfs.c): a fixed table of names, below directories of which some
 * repeat for each of many objects - processes, processors, disks - that a number tells. Nothing is cached: each walk looks the object up anew,
 * and each open file takes its text at a read from position 0 and keeps it for those further on.
 */
#ifndef FS_TEXT_FS_H
#define FS_TEXT_FS_H

#include "base/format.h"
#include "base/string.h"
#include "kernel/vfs.h"

/* Text under construction; what does not fit is cut off. */
struct text {
	char *buffer;
	size_t size, length;
};
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_bytes(struct text *t, const void *bytes, size_t count);

/* Writes a whole file; object 0 for those of the whole system. 0 or negative errno. */
typedef int (*text_writer)(uint32_t object, struct text *t);

/* A name; `in` and `is` are the file system's own numbers of its kinds of directories, TEXT_FILE for what is none. */
struct text_entry {
	unsigned in;
	const char *name; /* "": made from an object */
	uint32_t mode;
	unsigned is; /* directories: what is in it */
	text_writer write; /* of links: where they lead to */
	int (*store)(uint32_t object, const char *text, size_t length); /* NULL: cannot be written */
	bool is_long; /* half a MiB, not 64 KiB */
};
#define TEXT_FILE 0xffu
/* Entries: a directory, a file that everybody may read, a link. */
#define DIRECTORY(in, name, is) { in, name, S_IFDIR | 0555, is, NULL, NULL, false }
#define READABLE(in, name, write) { in, name, S_IFREG | 0444, TEXT_FILE, write, NULL, false }
#define LINK(in, name, write) { in, name, S_IFLNK | 0777, TEXT_FILE, write, NULL, false }

/* A name that an object makes. */
struct text_name {
	char name[16];
	unsigned entry;
	uint32_t object, minor; /* minor: 20 bits */
	uint32_t number; /* its place among the names of the directory, in rising order */
};

struct text_fs {
	const char *type;
	uint64_t magic;
	const struct text_entry *entries; /* 0: the root */
	unsigned count, named; /* of them; those before `named`, but the root, are made from objects */
	/* NULL: as the entry says. */
	bool (*is_in)(const struct text_entry *e, unsigned in);
	/* Owner and operations of a new inode; those of files, directories and links are there already. -ENOENT: no such object (any more).
	 * NULL: objects stay, or what writes their files asks. */
	int (*fill)(struct inode *inode);
	/* The first name of an object from `from` on. False: none. */
	bool (*next)(const struct inode *dir, uint32_t from, struct text_name *n);
	/* The name with this text. False: there is none. */
	bool (*find)(const struct inode *dir, const char *name, unsigned length, struct text_name *n);
};

/* Of an inode: its entry's index, and the object it belongs to. */
unsigned text_entry_of(const struct inode *inode);
uint32_t text_object_of(const struct inode *inode);
uint32_t text_minor_of(const struct inode *inode);
const struct text_entry *text_entry_at(const struct inode *inode);
/** Is it an open directory of such a file system? */
bool text_is_directory(const struct file *f);
/** text_fs.find for few objects: all are asked for their names. */
bool text_find_by_names(const struct inode *dir, const char *name, unsigned length, struct text_name *n);
int text_super_open(const struct text_fs *fs, struct super **super);

#endif
