# SPDX-License-Identifier: MIT
UNIT_names := $(addprefix guest-kernel/fs/,path.c descent.c dentry.c dentry_tree.c namespace.c rename.c mount.c inode.c memory_fs.c context.c open.c \
	memory_options.c notify.c) \
	guest-kernel/fs/file.c guest-kernel/fs/descriptor.c lib/base/string.c lib/base/format.c tests/model/names.c \
	tests/fake/tree_fs.c tests/fake/threads.c
