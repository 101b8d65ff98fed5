/* SPDX-License-Identifier: MIT */
/* getsockopt and setsockopt at the level SOL_SOCKET (socket(7)), the only one that these sockets have. */
#include "socket/socket.h"

#include "kernel/user.h"

enum {
	SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE,
	SO_PRIORITY = 12, SO_LINGER, SO_REUSEPORT = 15, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO,
	SO_TIMESTAMP = 29, SO_ACCEPTCONN, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE, SO_PROTOCOL = 38, SO_DOMAIN,
};
/* Kept, and told again; without effect here. */
#define FLAGS (1u << SO_DEBUG | 1u << SO_REUSEADDR | 1u << SO_DONTROUTE | 1u << SO_BROADCAST | 1u << SO_KEEPALIVE | 1u << SO_OOBINLINE | \
	       1u << SO_REUSEPORT | 1u << SO_TIMESTAMP)
#define SEND_LEAST 4608u
#define RECEIVE_LEAST 2304u
#define NS 1000000000ull

static bool is_flag(int option)
{
	return option > 0 && option < 32 && (FLAGS & 1u << option);
}

static uint32_t buffer_size(int value, uint32_t least)
{
	uint32_t size = value < 0 || (uint32_t)value > BUFFER_DEFAULT ? BUFFER_DEFAULT : (uint32_t)value;
	return size * 2 > least ? size * 2 : least;
}

static long timeout_set(uint64_t *timeout, uint64_t user, int length)
{
	int64_t time[2];
	if (length < (int)sizeof(time)) {
		return -EINVAL;
	}
	if (user_read(time, user, sizeof(time))) {
		return -EFAULT;
	}
	if (time[1] < 0 || time[1] >= 1000000) {
		return -EDOM;
	}
	bool far = time[0] > 1000000000;
	*timeout = time[0] < 0 ? 1 : far ? 0 : (uint64_t)time[0] * NS + (uint64_t)time[1] * 1000;
	return 0;
}

long socket_set_option(struct socket *s, int level, int option, uint64_t user, int length)
{
	int value;
	if (level != SOL_SOCKET) {
		return -EOPNOTSUPP;
	}
	if (length < (int)sizeof(value)) {
		return -EINVAL;
	}
	if (user_read(&value, user, sizeof(value))) {
		return -EFAULT;
	}
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		s->send_limit = buffer_size(value, SEND_LEAST);
		waitq_wake_all(&s->out);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		s->receive_limit = buffer_size(value, RECEIVE_LEAST);
		return 0;
	case SO_PASSCRED:
		s->pass_id = value;
		return 0;
	case SO_RCVTIMEO:
		return timeout_set(&s->receive_timeout_ns, user, length);
	case SO_SNDTIMEO:
		return timeout_set(&s->send_timeout_ns, user, length);
	case SO_PRIORITY:
	case SO_LINGER:
	case SO_RCVLOWAT:
		return 0;
	default:
		if (!is_flag(option)) {
			return -ENOPROTOOPT;
		}
		spin_lock(&s->lock);
		s->options = (s->options & ~(1u << option)) | (value ? 1u << option : 0);
		spin_unlock(&s->lock);
		return 0;
	}
}

static int answer(uint64_t user, uint64_t user_length, const void *value, int size)
{
	int length;
	if (user_read(&length, user_length, sizeof(length))) {
		return -EFAULT;
	}
	if (length < 0) {
		return -EINVAL;
	}
	length = length < size ? length : size;
	return user_write(user, value, (size_t)length) || user_write(user_length, &length, sizeof(length)) ? -EFAULT : 0;
}

static int error_take(struct socket *s)
{
	spin_lock(&s->lock);
	int error = s->error;
	s->error = 0;
	spin_unlock(&s->lock);
	return error;
}

/* Those whose value is an int. False: no such option. */
static bool int_option(struct socket *s, int option, int *value)
{
	switch (option) {
	case SO_TYPE:
		*value = s->type;
		return true;
	case SO_ERROR:
		*value = error_take(s);
		return true;
	case SO_SNDBUF:
		*value = (int)s->send_limit;
		return true;
	case SO_RCVBUF:
		*value = (int)s->receive_limit;
		return true;
	case SO_PASSCRED:
		*value = s->pass_id;
		return true;
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		*value = 1;
		return true;
	case SO_ACCEPTCONN:
		*value = s->state == SOCKET_LISTENING;
		return true;
	case SO_DOMAIN:
		*value = AF_UNIX;
		return true;
	case SO_PROTOCOL:
	case SO_PRIORITY:
		*value = 0;
		return true;
	default:
		*value = is_flag(option) && (s->options & 1u << option);
		return is_flag(option);
	}
}

long socket_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length)
{
	int value, linger[2] = { 0, 0 };
	if (level != SOL_SOCKET) {
		return -EOPNOTSUPP;
	}
	if (option == SO_PEERCRED) {
		spin_lock(&s->lock);
		struct sender_id id = s->peer_id;
		spin_unlock(&s->lock);
		return answer(user, user_length, &id, sizeof(id));
	}
	if (option == SO_RCVTIMEO || option == SO_SNDTIMEO) {
		uint64_t ns = option == SO_RCVTIMEO ? s->receive_timeout_ns : s->send_timeout_ns, time[2] = { ns / NS, ns % NS / 1000 };
		return answer(user, user_length, time, sizeof(time));
	}
	if (option == SO_LINGER) {
		return answer(user, user_length, linger, sizeof(linger));
	}
	return int_option(s, option, &value) ? answer(user, user_length, &value, sizeof(value)) : -ENOPROTOOPT;
}
