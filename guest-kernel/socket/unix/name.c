/* SPDX-License-Identifier: MIT */
/*
 * Names of sockets: of files, found by their inode, and abstract ones, found by their bytes and the socket's type (unix(7)). A name is in
 * the table until its socket is released; peers and messages may keep the structure for longer.
 */
#include "socket/unix/unix.h"

#include "base/format.h"
#include "base/string.h"
#include "kernel/notify.h"
#include "kernel/vfs.h"

#define BUCKETS 64u
#define AUTOMATIC_NAMES 0x100000u

static spinlock_t names_lock = SPINLOCK_INIT("socket names");
static struct list buckets[BUCKETS]; /* names_lock; a list is set up at its first use */
static uint32_t automatic_next; /* names_lock */

static struct list *bucket_of(const struct inode *inode, const char *bytes, unsigned length)
{
	uint32_t hash = (uint32_t)((uintptr_t)inode >> 6);
	for (unsigned i = 0; !inode && i < length; i++) {
		hash = hash * 31 + (unsigned char)bytes[i];
	}
	struct list *bucket = &buckets[hash % BUCKETS];
	if (!bucket->next) {
		list_init(bucket);
	}
	return bucket;
}

static struct name *find_locked(const struct inode *inode, const char *bytes, unsigned length, int type)
{
	list_for_each(node, bucket_of(inode, bytes, length)) {
		struct name *n = container_of(node, struct name, link);
		bool abstract = !inode && !n->inode && n->type == type && n->length == length && memcmp(n->bytes, bytes, length) == 0;
		if (abstract || (inode && n->inode == inode)) {
			return n;
		}
	}
	return NULL;
}

struct name *name_get(struct name *name)
{
	if (name) {
		__atomic_fetch_add(&name->references, 1, __ATOMIC_RELAXED);
	}
	return name;
}

void name_tell(const struct name *name, struct address *out)
{
	out->family = AF_UNIX;
	out->length = name ? name->length : 0;
	if (name) {
		memcpy(out->data, name->bytes, name->length);
	}
}

void name_put(struct name *name)
{
	if (name && __atomic_sub_fetch(&name->references, 1, __ATOMIC_ACQ_REL) == 0) {
		if (name->inode) {
			inode_put(name->inode);
		}
		kfree(name);
	}
}

void name_forget(struct name *name)
{
	spin_lock(&names_lock);
	list_remove(&name->link);
	spin_unlock(&names_lock);
}

static struct name *name_create(int type, const char *bytes, unsigned length)
{
	struct name *n = kzalloc(sizeof(*n));
	if (n) {
		list_init(&n->link);
		n->references = 1;
		n->type = type;
		n->length = length;
		memcpy(n->bytes, bytes, length);
	}
	return n;
}

/* The socket is the name's from here on; false: another one has such an abstract name. */
static bool publish(struct unix_socket *s, struct name *n)
{
	spin_lock(&names_lock);
	bool taken = !n->inode && find_locked(NULL, n->bytes, n->length, n->type);
	if (!taken) {
		n->owner = s;
		list_push_back(bucket_of(n->inode, n->bytes, n->length), &n->link);
	}
	spin_unlock(&names_lock);
	if (!taken) {
		spin_lock(&s->base.lock);
		s->name = n;
		spin_unlock(&s->base.lock);
	}
	return !taken;
}

static int node_create(const char *path, uint32_t permissions, struct inode **out)
{
	struct walk w;
	struct dentry *d;
	int error = path_walk(AT_FDCWD, path, WALK_PARENT, &w);
	if (error) {
		return error;
	}
	if (w.file || w.last != LAST_NAME) {
		walk_put(&w);
		return -EADDRINUSE;
	}
	struct inode *dir = w.at->inode, *inode;
	uint32_t mode = S_IFSOCK | (permissions & ~fs_context_current()->umask);
	mutex_lock(&dir->mutex);
	error = path_last_locked(&w, &d);
	if (!error) {
		error = d->inode ? -EADDRINUSE : dir->links == 0 || w.slash ? -ENOENT : inode_permission(dir, MAY_WRITE | MAY_EXEC);
		error = error ? error : dir->ops->create ? dir->ops->create(dir, w.name, w.length, mode, 0, 0, &inode) : -EPERM;
		if (!error) {
			dentry_set_inode(d, inode);
			notify_name(dir, w.name, w.length, NOTIFY_CREATE, inode);
			inode_get(inode);
			*out = inode;
		}
		dentry_put(d);
	}
	mutex_unlock(&dir->mutex);
	walk_put(&w);
	return error;
}

/* Five hexadecimal digits, as Linux. */
static int bind_automatic(struct unix_socket *s)
{
	for (uint32_t tries = 0; tries < AUTOMATIC_NAMES; tries++) {
		char bytes[8] = { 0 };
		uint32_t number = __atomic_fetch_add(&automatic_next, 1, __ATOMIC_RELAXED) % AUTOMATIC_NAMES;
		format_text(bytes + 1, sizeof(bytes) - 1, "%05x", number);
		struct name *n = name_create(s->base.type, bytes, 6);
		if (!n) {
			return -ENOMEM;
		}
		if (publish(s, n)) {
			return 0;
		}
		kfree(n);
	}
	return -ENOSPC;
}

static bool is_there(const char *path)
{
	struct dentry *d;
	int error = path_find(AT_FDCWD, path, false, &d);
	if (!error) {
		dentry_put(d);
	}
	return !error;
}

static int bind_locked(struct unix_socket *s, const struct address *address)
{
	bool path = address->length && address->data[0];
	if (!address->length) {
		return s->name ? 0 : bind_automatic(s);
	}
	if (s->name) {
		return path && is_there(address->data) ? -EADDRINUSE : -EINVAL;
	}
	unsigned length = path ? (unsigned)strlen(address->data) + 1 : address->length;
	struct name *n = name_create(s->base.type, address->data, length < PATH_BYTES + 1 ? length : PATH_BYTES + 1);
	int error = n ? 0 : -ENOMEM;
	if (!error && path) {
		error = node_create(address->data, s->base.mode, &n->inode);
	}
	if (!error && !publish(s, n)) {
		error = -EADDRINUSE;
	}
	if (error) {
		name_put(n);
	}
	return error;
}

int unix_bind(struct socket *socket, const struct address *address)
{
	struct unix_socket *s = unix_of(socket);
	if (address->family != AF_UNIX || address->length > PATH_BYTES) {
		return -EINVAL;
	}
	mutex_lock(&s->base.reading); /* no two bind it at once */
	int error = bind_locked(s, address);
	mutex_unlock(&s->base.reading);
	return error;
}

static int owner_get(const struct inode *inode, const struct address *a, int type, struct unix_socket **out)
{
	spin_lock(&names_lock);
	struct name *n = find_locked(inode, a->data, a->length, type);
	int error = !n ? -ECONNREFUSED : n->owner->base.type != type ? -EPROTOTYPE : 0;
	if (!error) {
		*out = n->owner;
		unix_get(*out);
	}
	spin_unlock(&names_lock);
	return error;
}

int name_find(const struct address *address, int type, struct unix_socket **out)
{
	struct dentry *d;
	if (!address->length || !address->data[0]) {
		return owner_get(NULL, address, type, out);
	}
	int error = path_find(AT_FDCWD, address->data, true, &d);
	if (error) {
		return error;
	}
	error = inode_permission(d->inode, MAY_WRITE);
	error = error ? error : !S_IS(d->inode->mode, S_IFSOCK) ? -ECONNREFUSED : owner_get(d->inode, address, type, out);
	dentry_put(d);
	return error;
}
