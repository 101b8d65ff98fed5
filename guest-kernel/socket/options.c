/* SPDX-License-Identifier: MIT */
/* getsockopt and setsockopt at the level SOL_SOCKET (socket(7)); other levels are the families'. */
#include "socket/socket.h"

#include "kernel/capability.h"
#include "kernel/user.h"
#include "socket/filter.h"

#define BIT(option) (1ull << (option))
/* What is on or off. Those that a family does nothing about are kept, and told again. */
#define FLAGS (BIT(SO_DEBUG) | BIT(SO_REUSEADDR) | BIT(SO_DONTROUTE) | BIT(SO_BROADCAST) | BIT(SO_KEEPALIVE) | BIT(SO_OOBINLINE) | BIT(SO_NO_CHECK) | \
	       BIT(SO_REUSEPORT) | BIT(SO_TIMESTAMP) | BIT(SO_TIMESTAMPNS) | BIT(SO_RXQ_OVFL))
#define SEND_LEAST 4608u
#define RECEIVE_LEAST 2304u
#define NS 1000000000ull

static bool is_flag(int option)
{
	return option > 0 && option < 64 && (FLAGS & BIT(option));
}

bool socket_option(const struct socket *s, int option)
{
	return s->options & BIT(option);
}

static uint32_t buffer_size(int value, uint32_t least)
{
	uint32_t size = value < 0 || (uint32_t)value > BUFFER_DEFAULT ? BUFFER_DEFAULT : (uint32_t)value;
	return size * 2 > least ? size * 2 : least;
}

static int timeout_set(uint64_t *timeout, uint64_t user, int length)
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

static int linger_set(struct socket *s, uint64_t user, int length)
{
	int linger[2];
	if (length < (int)sizeof(linger)) {
		return -EINVAL;
	}
	if (user_read(linger, user, sizeof(linger))) {
		return -EFAULT;
	}
	spin_lock(&s->lock);
	s->linger_seconds = !linger[0] ? -1 : linger[1] < 0 ? INT32_MAX : linger[1];
	spin_unlock(&s->lock);
	return 0;
}

static void flag_set(struct socket *s, int option, bool on)
{
	spin_lock(&s->lock);
	s->options = (s->options & ~BIT(option)) | (on ? BIT(option) : 0);
	if (on && option == SO_TIMESTAMP) {
		s->options &= ~BIT(SO_TIMESTAMPNS);
	} else if (on && option == SO_TIMESTAMPNS) {
		s->options &= ~BIT(SO_TIMESTAMP);
	}
	spin_unlock(&s->lock);
}

static int int_set(struct socket *s, int option, int value)
{
	bool reserved = option == SO_SNDBUFFORCE || option == SO_RCVBUFFORCE || option == SO_MARK || (option == SO_PRIORITY && (value < 0 || value > 6));
	if (reserved && !capable(CAP_NET_ADMIN)) {
		return -EPERM;
	}
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		s->send_limit = buffer_size(value, SEND_LEAST);
		s->send_limit_set = true;
		waitq_wake_all(&s->out);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		s->receive_limit = buffer_size(value, RECEIVE_LEAST);
		s->receive_limit_set = true;
		return 0;
	case SO_PASSCRED:
		s->pass_id = value;
		return 0;
	case SO_PRIORITY:
		s->priority = value;
		return 0;
	case SO_MARK:
		s->mark = value;
		return 0;
	case SO_RCVLOWAT:
		s->receive_least = value < 0 ? INT32_MAX : value ? (uint32_t)value : 1;
		return 0;
	case SO_INCOMING_CPU:
	case SO_BUSY_POLL:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int option_set(struct socket *s, int option, uint64_t user, int length)
{
	int value;
	if (filter_option(option)) {
		return filter_option_set(s, option, user, length);
	}
	if (option == SO_BINDTODEVICE) {
		return s->ops->set_option(s, SOL_SOCKET, option, user, length);
	}
	if (length < (int)sizeof(value)) {
		return -EINVAL;
	}
	if (user_read(&value, user, sizeof(value))) {
		return -EFAULT;
	}
	if (option == SO_RCVTIMEO || option == SO_SNDTIMEO) {
		return timeout_set(option == SO_RCVTIMEO ? &s->receive_timeout_ns : &s->send_timeout_ns, user, length);
	}
	if (option == SO_LINGER) {
		return linger_set(s, user, length);
	}
	if (is_flag(option)) {
		flag_set(s, option, value);
		return 0;
	}
	int error = int_set(s, option, value);
	return error == -ENOPROTOOPT ? s->ops->set_option(s, SOL_SOCKET, option, user, length) : error;
}

long socket_set_option(struct socket *s, int level, int option, uint64_t user, int length)
{
	if (level != SOL_SOCKET) {
		return length < 0 ? -EINVAL : s->ops->set_option(s, level, option, user, length);
	}
	int error = option_set(s, option, user, length);
	if (!error && s->ops->changed) {
		s->ops->changed(s, option);
	}
	return error;
}

int option_answer(uint64_t user, uint64_t user_length, const void *value, int size)
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

int socket_error_take(struct socket *s)
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
		*value = socket_error_take(s);
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
		*value = (int)s->receive_least;
		return true;
	case SO_SNDLOWAT:
		*value = 1;
		return true;
	case SO_ACCEPTCONN:
		*value = s->state == SOCKET_LISTENING;
		return true;
	case SO_DOMAIN:
		*value = s->family;
		return true;
	case SO_PROTOCOL:
		*value = s->protocol;
		return true;
	case SO_PRIORITY:
		*value = s->priority;
		return true;
	case SO_MARK:
		*value = s->mark;
		return true;
	case SO_BUSY_POLL:
		*value = 0;
		return true;
	case SO_INCOMING_CPU:
		*value = -1; /* nothing is told of it */
		return true;
	default:
		*value = is_flag(option) && socket_option(s, option);
		return is_flag(option);
	}
}

long socket_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length)
{
	int value;
	if (level != SOL_SOCKET) {
		return s->ops->get_option(s, level, option, user, user_length);
	}
	if (filter_option(option)) {
		return filter_option_get(s, option, user, user_length);
	}
	if (option == SO_RCVTIMEO || option == SO_SNDTIMEO) {
		uint64_t ns = option == SO_RCVTIMEO ? s->receive_timeout_ns : s->send_timeout_ns, time[2] = { ns / NS, ns % NS / 1000 };
		return option_answer(user, user_length, time, sizeof(time));
	}
	if (option == SO_LINGER) {
		int linger[2] = { s->linger_seconds >= 0, s->linger_seconds >= 0 ? s->linger_seconds : 0 };
		return option_answer(user, user_length, linger, sizeof(linger));
	}
	if (option == SO_COOKIE) {
		return option_answer(user, user_length, &s->cookie, sizeof(s->cookie));
	}
	return int_option(s, option, &value) ? option_answer(user, user_length, &value, sizeof(value)) :
					       s->ops->get_option(s, SOL_SOCKET, option, user, user_length);
}
