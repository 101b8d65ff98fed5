/* SPDX-License-Identifier: MIT */
/* SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER (socket(7)): a socket's filter comes, goes, and stays. Who runs it takes no lock. */
#include "socket/filter.h"

#include "kernel/memory.h"
#include "kernel/user.h"
#include "socket/socket.h"

#define EXTENSIONS 64 /* SO_BPF_EXTENSIONS: loads of what is not in the packet, Linux's up to its 6.1 */

struct program { /* struct sock_fprog */
	uint16_t length;
	uint64_t code;
};
_Static_assert(sizeof(struct program) == 16, "struct sock_fprog");

bool filter_option(int option)
{
	return option == SO_ATTACH_FILTER || option == SO_DETACH_FILTER || option == SO_LOCK_FILTER || option == SO_BPF_EXTENSIONS;
}

uint32_t socket_filter_run(const struct socket *s, const struct filter_packet *packet)
{
	epoch_enter();
	const struct filter *filter = __atomic_load_n(&s->filter, __ATOMIC_ACQUIRE);
	uint32_t wanted = filter ? filter_run(filter->code, packet) : FILTER_ALL;
	epoch_exit();
	return wanted;
}

/* In place of the old one. -EPERM: that stays. */
static int exchange(struct socket *s, struct filter *filter)
{
	spin_lock(&s->lock);
	int error = s->filter_locked ? -EPERM : !filter && !s->filter ? -ENOENT : 0;
	struct filter *old = error ? NULL : __atomic_exchange_n(&s->filter, filter, __ATOMIC_ACQ_REL);
	spin_unlock(&s->lock);
	if (old) {
		epoch_free(&old->epoch, old);
	}
	return error;
}

static int attach(struct socket *s, uint64_t user, int length)
{
	struct program program;
	if (length != (int)sizeof(program)) {
		return -EINVAL;
	}
	if (user_read(&program, user, sizeof(program))) {
		return -EFAULT;
	}
	if (!program.code || !program.length || program.length > FILTER_LENGTH_MAX) {
		return -EINVAL;
	}
	size_t bytes = program.length * sizeof(struct filter_instruction);
	struct filter *filter = kmalloc(sizeof(*filter) + bytes);
	uint16_t *written = filter ? kmalloc(program.length * sizeof(*written)) : NULL;
	int error = !written ? -ENOMEM : user_read(filter->code, program.code, bytes) ? -EFAULT : filter_check(filter->code, program.length, written);
	kfree(written);
	if (!error) {
		filter->length = program.length;
		error = exchange(s, filter);
	}
	if (error) {
		kfree(filter);
	}
	return error;
}

static int lock(struct socket *s, bool on)
{
	spin_lock(&s->lock);
	int error = s->filter_locked && !on ? -EPERM : 0;
	s->filter_locked = s->filter_locked || on;
	spin_unlock(&s->lock);
	return error;
}

int filter_option_set(struct socket *s, int option, uint64_t user, int length)
{
	int value;
	if (!s->may_filter || option == SO_BPF_EXTENSIONS) {
		return -ENOPROTOOPT;
	}
	if (length < (int)sizeof(value)) {
		return -EINVAL;
	}
	if (user_read(&value, user, sizeof(value))) {
		return -EFAULT;
	}
	return option == SO_ATTACH_FILTER ? attach(s, user, length) : option == SO_DETACH_FILTER ? exchange(s, NULL) : lock(s, value);
}

/* SO_GET_FILTER: lengths are in instructions. The program is copied first: others may detach it. */
static int tell(struct socket *s, uint64_t user, uint64_t user_length)
{
	int room, length = 0;
	if (user_read(&room, user_length, sizeof(room))) {
		return -EFAULT;
	}
	struct filter_instruction *copy = room > 0 ? kmalloc(FILTER_LENGTH_MAX * sizeof(*copy)) : NULL;
	if (room > 0 && !copy) {
		return -ENOMEM;
	}
	epoch_enter();
	const struct filter *filter = __atomic_load_n(&s->filter, __ATOMIC_ACQUIRE);
	length = filter ? (int)filter->length : 0;
	if (copy && length <= room) {
		__builtin_memcpy(copy, filter ? filter->code : copy, (size_t)length * sizeof(*copy));
	}
	epoch_exit();
	int error = room < 0 || (room && room < length) ? -EINVAL : copy && user_write(user, copy, (size_t)length * sizeof(*copy)) ? -EFAULT : 0;
	kfree(copy);
	return error ? error : user_write(user_length, &length, sizeof(length)) ? -EFAULT : 0;
}

int filter_option_get(struct socket *s, int option, uint64_t user, uint64_t user_length)
{
	int value = option == SO_LOCK_FILTER ? s->filter_locked : EXTENSIONS;
	if (option == SO_ATTACH_FILTER) {
		return tell(s, user, user_length);
	}
	return option == SO_DETACH_FILTER ? -ENOPROTOOPT : option_answer(user, user_length, &value, sizeof(value));
}
