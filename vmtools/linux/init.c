/* SPDX-License-Identifier: MIT */
/*
 * The first program of the machine on which Linux is measured (docs/bench.md), static, in an initrd of its own: loads the modules of
 * /modules/order, mounts the disk, sets the network up, runs the text of /command by /bin/sh -c on COM1, and says on COM2 what the guest kernel says there
 * (docs/control.md), so that vmctl sees one kind of machine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define DISK "/dev/sda"
#define DISK_WAIT_MS 10000
#define CANNOT_RUN 127

static int control = -1;

static _Noreturn void power_off(void)
{
	if (control >= 0) {
		tcdrain(control);
	}
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static _Noreturn void give_up(const char *what)
{
	dprintf(control, "log kernel: init: cannot %s: %s\n@ exit status=%d\n", what, strerror(errno), CANNOT_RUN);
	power_off();
}

static int open_line(const char *path)
{
	struct termios raw;
	int fd = open(path, O_RDWR | O_NOCTTY);
	if (fd >= 0 && tcgetattr(fd, &raw) == 0) {
		cfmakeraw(&raw);
		cfsetspeed(&raw, B115200);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

static void load_modules(void)
{
	char name[128], path[160];
	FILE *order = fopen("/modules/order", "re");
	while (order && fgets(name, sizeof(name), order)) {
		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/modules/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
			give_up(path);
		}
		close(fd);
	}
	if (order) {
		fclose(order);
	}
}

/* The disk is found some time after its driver was loaded; there is no event for us to wait on but a look at devtmpfs. */
static void mount_root(void)
{
	for (int waited = 0; access(DISK, F_OK) != 0 && waited < DISK_WAIT_MS; waited += 5) {
		poll(NULL, 0, 5);
	}
	if (mount(DISK, "/root", "ext4", 0, NULL) != 0) {
		give_up("mount " DISK);
	}
	mount("dev", "/root/dev", "devtmpfs", 0, NULL);
	mount("proc", "/root/proc", "proc", 0, NULL);
	mount("tmp", "/root/tmp", "tmpfs", 0, NULL);
	if (chroot("/root") != 0 || chdir("/") != 0) {
		give_up("change to the disk's root");
	}
}

static void set_address(int fd, const char *name, unsigned long what, const char *text)
{
	struct ifreq r = { 0 };
	struct sockaddr_in at = { .sin_family = AF_INET };
	inet_pton(AF_INET, text, &at.sin_addr);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	memcpy(&r.ifr_addr, &at, sizeof(at));
	ioctl(fd, what, &r);
}

static void set_up(int fd, const char *name, const char *address, const char *mask)
{
	struct ifreq r = { 0 };
	set_address(fd, name, SIOCSIFADDR, address);
	set_address(fd, name, SIOCSIFNETMASK, mask);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	ioctl(fd, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	ioctl(fd, SIOCSIFFLAGS, &r);
}

/* The address that QEMU's own network gives to its first machine; without an adapter there is only the loopback. */
static void start_network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	set_up(fd, "lo", "127.0.0.1", "255.0.0.0");
	set_up(fd, "eth0", "10.0.2.15", "255.255.255.0");
	close(fd);
}

static char *read_command(void)
{
	static char command[4096];
	int fd = open("/command", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, command, sizeof(command) - 1);
	if (n <= 0) {
		give_up("read /command");
	}
	close(fd);
	return command;
}

static int run(char *command)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int console = open_line("/dev/ttyS0"), null = open("/dev/null", O_RDONLY);
		dup2(null, 0);
		dup2(console, 1);
		dup2(console, 2);
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(CANNOT_RUN);
	}
	while (wait(&status) != pid) {
	}
	int console = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);
	tcdrain(console);
	close(console);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/root", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	control = open_line("/dev/ttyS1");
	char *command = read_command();
	load_modules();
	mount_root();
	start_network();
	dprintf(control, "@ started\n");
	dprintf(control, "@ exit status=%d\n", run(command));
	power_off();
}
