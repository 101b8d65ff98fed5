/* SPDX-License-Identifier: MIT */
/* Programs of the host that vmctl runs: mke2fs, grub-mkrescue, qemu-img. Their words are shown only where they fail. */
#ifndef VMTOOLS_SPAWN_H
#define VMTOOLS_SPAWN_H

/** Path of a program as the shell finds it, /usr/sbin and /sbin included, in a static buffer; NULL if it is not installed. */
const char *spawn_find(const char *program);
/** Run argv (argv[0] as spawn_find knows it) with stdin from /dev/null and wait. 0; or, after one sentence on stderr that names
 *  `package` where the program is missing and quotes the program's last line where it failed, VMCTL_HOST. */
int spawn_run(const char *const argv[], const char *package);
/** The same, but each line that is said, on stdout or stderr, goes to `take` at once, and -1 tells, without a sentence, that the program failed. */
int spawn_lines(const char *const argv[], const char *package, void (*take)(void *to, char *line), void *to);

#endif
