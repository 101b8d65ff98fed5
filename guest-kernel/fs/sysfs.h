/* SPDX-License-Identifier: MIT */
/* Inside of sysfs: what the folders that know the devices write of them. Objects are a link's index (net/sys_net.c). */
#ifndef FS_SYSFS_H
#define FS_SYSFS_H

#include "fs/text_fs.h"

/** The first link with an index from `from` on: its name and its index. False: none. */
bool sysfs_link_next(uint32_t from, char name[16], uint32_t *index);

int sysfs_link_address(uint32_t index, struct text *t);
int sysfs_link_address_length(uint32_t index, struct text *t);
int sysfs_link_carrier(uint32_t index, struct text *t);
int sysfs_link_flags(uint32_t index, struct text *t);
int sysfs_link_index(uint32_t index, struct text *t);
int sysfs_link_mtu(uint32_t index, struct text *t);
int sysfs_link_state(uint32_t index, struct text *t);
int sysfs_link_type(uint32_t index, struct text *t);
int sysfs_link_uevent(uint32_t index, struct text *t);
int sysfs_link_path(uint32_t index, struct text *t);
int sysfs_received_bytes(uint32_t index, struct text *t);
int sysfs_received_packets(uint32_t index, struct text *t);
int sysfs_received_errors(uint32_t index, struct text *t);
int sysfs_received_dropped(uint32_t index, struct text *t);
int sysfs_received_multicast(uint32_t index, struct text *t);
int sysfs_received_crc_errors(uint32_t index, struct text *t);
int sysfs_received_length_errors(uint32_t index, struct text *t);
int sysfs_received_missed(uint32_t index, struct text *t);
int sysfs_sent_collisions(uint32_t index, struct text *t);
int sysfs_sent_bytes(uint32_t index, struct text *t);
int sysfs_sent_packets(uint32_t index, struct text *t);
int sysfs_sent_errors(uint32_t index, struct text *t);
int sysfs_sent_dropped(uint32_t index, struct text *t);

#endif
