/* SPDX-License-Identifier: MIT */
/* See steer.h: the machine's side. A client that does not read, or sends what is no line, is dropped; it never holds up the machine. */
#include "steer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "say.h"

int steer_open(struct steer *steer, const struct workdir *dir, struct control *control, bool deaf)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	*steer = (struct steer){ .control = control, .deaf = deaf };
	for (int i = 0; i < STEER_CLIENTS; i++) {
		steer->clients[i] = (struct steer_client){ .fd = -1, .steer = steer };
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/steer", dir->path);
	steer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (steer->listener < 0 || bind(steer->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(steer->listener, STEER_CLIENTS) != 0) {
		return fail(VMCTL_HOST, "the machine's socket can't be made");
	}
	return 0;
}

static void client_drop(struct steer_client *client)
{
	control_forget(client->steer->control, client);
	close(client->fd);
	client->fd = -1;
}

void steer_close(struct steer *steer)
{
	for (int i = 0; i < STEER_CLIENTS; i++) {
		if (steer->clients[i].fd >= 0) {
			client_drop(&steer->clients[i]);
		}
	}
	close(steer->listener);
}

static void client_send(struct steer_client *client, const char *line, int length)
{
	if (send(client->fd, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length) {
		client_drop(client);
	}
}

static void client_answer(void *to, char kind, const char *text)
{
	struct steer_client *client = to;
	char line[CONTROL_LINE_MAX + 16];
	int length = snprintf(line, sizeof(line), "%s%s\n", kind == '=' ? "= " : kind == 'o' ? "ok" : "error ", text);
	client_send(client, line, length);
}

void steer_tell(struct steer *steer, const char *event)
{
	char line[CONTROL_LINE_MAX + 16];
	int length = snprintf(line, sizeof(line), "%s\n", event);
	for (int i = 0; i < STEER_CLIENTS; i++) {
		if (steer->clients[i].fd >= 0 && steer->clients[i].watches) {
			client_send(&steer->clients[i], line, length);
		}
	}
}

static void client_capsule(struct steer_client *client, const char *domain)
{
	const char *why = "this machine keeps no capsules", *path = NULL;
	if (client->steer->capsule) {
		path = client->steer->capsule(client->steer->capsule_to, domain, &why);
	}
	client_answer(client, path ? '=' : 'e', path ? path : why);
	if (path && client->fd >= 0) {
		client_answer(client, 'o', "");
	}
}

static void client_line(struct steer_client *client)
{
	struct steer *steer = client->steer;
	if (steer->deaf) {
		client_answer(client, 'e', "this machine has no hypervisor");
	} else if (!steer->control->ready) {
		client_answer(client, 'e', "this machine is still starting");
	} else if (strcmp(client->line, "watch") == 0) {
		client->watches = true;
		client_answer(client, 'o', "");
	} else if (strncmp(client->line, "capsule ", 8) == 0) {
		client_capsule(client, client->line + 8);
	} else if (control_send(steer->control, client->line, client_answer, client) != 0) {
		client_answer(client, 'e', "not a command");
	}
}

static void client_read(struct steer_client *client)
{
	char bytes[256];
	ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n <= 0) {
		client_drop(client);
		return;
	}
	for (ssize_t i = 0; i < n && client->fd >= 0; i++) {
		if (bytes[i] == '\n') {
			client->line[client->length] = '\0';
			client->length = 0;
			client_line(client);
		} else if (client->length + 1 < sizeof(client->line)) {
			client->line[client->length++] = bytes[i];
		} else {
			client_drop(client);
		}
	}
}

void steer_poll(const struct steer *steer, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = steer->listener, .events = POLLIN };
	for (int i = 0; i < STEER_CLIENTS; i++) {
		fds[1 + i] = (struct pollfd){ .fd = steer->clients[i].fd, .events = POLLIN };
	}
}

void steer_serve(struct steer *steer, const struct pollfd *fds)
{
	for (int i = 0; i < STEER_CLIENTS; i++) {
		if (steer->clients[i].fd >= 0 && fds[1 + i].fd == steer->clients[i].fd && fds[1 + i].revents) {
			client_read(&steer->clients[i]);
		}
	}
	if (!(fds[0].revents & POLLIN)) {
		return;
	}
	int fd = accept4(steer->listener, NULL, NULL, SOCK_CLOEXEC);
	for (int i = 0; i < STEER_CLIENTS && fd >= 0; i++) {
		if (steer->clients[i].fd < 0) {
			steer->clients[i].fd = fd;
			steer->clients[i].length = 0;
			steer->clients[i].watches = false;
			return;
		}
	}
	if (fd >= 0) {
		close(fd);
	}
}
