/* SPDX-License-Identifier: MIT */
/*
 * Broken programs, executed: `elf SECONDS SEED FILE...`. Each round takes one of the FILEs, or one of two ELF files made here, or a `#!` line,
 * damages it as its seed says (the ELF header, program headers, the interpreter's name, the dynamic section, any bytes, its length) and
 * executes it in a child of another user, by its name, a descriptor or a memfd that is rewritten meanwhile, with limits and for a tenth of a
 * second. Whatever becomes of the child is right; tests/boot/fuzz-elf.sh judges the kernel. `elf 0 SEED FILE...` runs one round and tells
 * what it does; a child's name until it has executed is its round's.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUBJECTS 16
#define PAGE 4096ul
#define NOBODY 65534
#define LIMIT_MS 100
#define ERRORS 140

struct subject {
	const char *name;
	uint8_t *bytes; /* undamaged */
	size_t size;
};

/* How many rounds ended so. */
struct ends {
	uint64_t errors[ERRORS]; /* of exec, by number */
	uint64_t whole, status, signals, late; /* a whole program's status; another one; a signal; too late */
};

static struct subject subjects[SUBJECTS];
static int *exec_error; /* shared with the children */
static unsigned subject_count;
static uint64_t state;
static bool tells;
static uint8_t *work; /* the damaged copy */
static size_t work_room, size;

static uint64_t below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % n;
}

static void tell(const char *what, uint64_t a, uint64_t b)
{
	if (tells) {
		fprintf(stderr, "%s %#llx %#llx\n", what, (unsigned long long)a, (unsigned long long)b);
	}
}

/* A number that somebody may have forgotten, or one beside what was there. */
static uint64_t hostile(uint64_t was)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 55, 56, 57, 64, 65, 4095, 4096, 4097, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x400000,
		0x555555554000, 0x7ffffffdd000, 0x7fffffffe000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffff80000000,
		0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff,
	};
	switch (below(8)) {
	case 0:
		return was + below(3) - 1;
	case 1:
		return was + PAGE * (below(5) - 2);
	case 2:
		return was ^ (1ull << below(64));
	case 3:
		return below(2) ? size + below(3) - 1 : below(size + 1);
	case 4:
		return ((below(1ull << 32) << 32) | below(1ull << 32)) >> below(64);
	default:
		return values[below(sizeof(values) / sizeof(*values))];
	}
}

static void damage_field(size_t at, size_t bytes)
{
	uint64_t value = 0;
	if (bytes > 8 || size < bytes || at > size - bytes) {
		return;
	}
	memcpy(&value, work + at, bytes);
	value = hostile(value);
	memcpy(work + at, &value, bytes);
	tell("field", at, value);
}

struct field {
	uint8_t at, bytes;
};
#define FIELD(type, name) { offsetof(type, name), sizeof(((type *)0)->name) }

static void damage_header(void)
{
	static const struct field fields[] = {
		FIELD(Elf64_Ehdr, e_type), FIELD(Elf64_Ehdr, e_machine), FIELD(Elf64_Ehdr, e_entry), FIELD(Elf64_Ehdr, e_phoff),
		FIELD(Elf64_Ehdr, e_phnum), FIELD(Elf64_Ehdr, e_phentsize), FIELD(Elf64_Ehdr, e_shoff), FIELD(Elf64_Ehdr, e_entry),
	};
	const struct field *f = &fields[below(sizeof(fields) / sizeof(*fields))];
	if (below(8) == 0) {
		damage_field(below(EI_NIDENT), 1);
	} else if (f->at == offsetof(Elf64_Ehdr, e_type) && below(2) && size > f->at) {
		work[f->at] = (uint8_t)below(5);
	} else {
		damage_field(f->at, f->bytes);
	}
}

/* Where the program headers of the copy are, how many; none that would lie outside. */
static Elf64_Phdr *program_headers(unsigned *count)
{
	Elf64_Ehdr h;
	if (size < sizeof(h)) {
		return NULL;
	}
	memcpy(&h, work, sizeof(h));
	*count = h.e_phnum;
	return h.e_phoff < size && h.e_phoff % 8 == 0 && *count && *count * sizeof(Elf64_Phdr) <= size - h.e_phoff ?
		       (Elf64_Phdr *)(work + h.e_phoff) : NULL;
}

static void damage_segment(void)
{
	static const struct field fields[] = {
		FIELD(Elf64_Phdr, p_offset), FIELD(Elf64_Phdr, p_vaddr), FIELD(Elf64_Phdr, p_filesz), FIELD(Elf64_Phdr, p_memsz),
		FIELD(Elf64_Phdr, p_align), FIELD(Elf64_Phdr, p_paddr),
	};
	static const uint32_t types[] = { PT_NULL, PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR, PT_TLS, PT_GNU_STACK, PT_GNU_PROPERTY };
	unsigned count;
	Elf64_Phdr *headers = program_headers(&count);
	if (!headers) {
		return damage_header();
	}
	Elf64_Phdr *one = headers + below(count), *other = headers + below(count);
	switch (below(6)) {
	case 0:
		one->p_type = types[below(sizeof(types) / sizeof(*types))];
		return tell("type", (uint64_t)(one - headers), one->p_type);
	case 1:
		one->p_flags = (uint32_t)below(8);
		return tell("flags", (uint64_t)(one - headers), one->p_flags);
	case 2: {
		Elf64_Phdr kept = *one;
		*one = *other;
		*other = kept;
		return tell("exchange", (uint64_t)(one - headers), (uint64_t)(other - headers));
	}
	case 3: { /* the same page as the other's, or beside it, with the offsets still agreeing */
		uint64_t step = (below(65) - 32) * PAGE;
		one->p_vaddr = (other->p_vaddr & ~(PAGE - 1)) + (one->p_vaddr & (PAGE - 1)) + step;
		return tell("near", (uint64_t)(one - headers), one->p_vaddr);
	}
	}
	const struct field *f = &fields[below(sizeof(fields) / sizeof(*fields))];
	damage_field((size_t)((uint8_t *)one - work) + f->at, f->bytes);
}

/* Bytes of the segment with this type, or anywhere. */
static void damage_bytes(uint32_t type)
{
	unsigned count = 0;
	Elf64_Phdr *headers = program_headers(&count);
	uint64_t from = 0, bytes = size;
	for (unsigned i = 0; headers && type && i < count; i++) {
		if (headers[i].p_type == type && headers[i].p_offset < size && headers[i].p_filesz <= size - headers[i].p_offset) {
			from = headers[i].p_offset;
			bytes = headers[i].p_filesz;
		}
	}
	for (uint64_t n = 1 + below(type ? 4 : 64); n && bytes; n--) {
		uint64_t at = from + below(bytes);
		if (type == PT_DYNAMIC && bytes >= 8) {
			damage_field(from + (below(bytes / 8)) * 8, 8);
		} else {
			work[at] = below(3) ? (uint8_t)below(256) : below(2) ? 0 : '/';
			tell("byte", at, work[at]);
		}
	}
}

/* The interpreter's name becomes another of the same room at most. */
static void damage_interpreter(void)
{
	static const char *const names[] = { "/static-pie", "/", "/tmp", "/dev/null", "/dev/zero", "/proc/self/exe", "program", "", "/dev/fd/0", "none" };
	unsigned count = 0;
	Elf64_Phdr *headers = program_headers(&count);
	const char *name = names[below(sizeof(names) / sizeof(*names))];
	for (unsigned i = 0; headers && i < count; i++) {
		Elf64_Phdr *h = headers + i;
		if (h->p_type == PT_INTERP && h->p_offset < size && strlen(name) < size - h->p_offset) {
			strcpy((char *)work + h->p_offset, name);
			h->p_filesz = below(8) ? strlen(name) + 1 : h->p_filesz;
			return tell(name, i, h->p_filesz);
		}
	}
	damage_segment();
}

static void truncate_somewhere(void)
{
	unsigned count = 0;
	Elf64_Phdr *headers = program_headers(&count);
	if (headers && below(2)) { /* about a segment's edge */
		Elf64_Phdr *h = headers + below(count);
		uint64_t at = h->p_offset + (below(2) ? h->p_filesz : 0) + below(3) - 1;
		size = at < size ? at : size;
	} else {
		size = below(2) ? below(size < 1200 ? size + 1 : 1200) : below(size + 1);
	}
	tell("size", size, 0);
}

static void make_program(void)
{
	const struct subject *s = &subjects[below(subject_count)];
	memcpy(work, s->bytes, s->size);
	size = s->size;
	tell(s->name, size, 0);
	for (uint64_t n = 1 + below(4); n; n--) {
		switch (below(12)) {
		case 0:
		case 1:
			damage_header();
			break;
		case 2:
			damage_bytes(PT_INTERP);
			break;
		case 3:
			damage_bytes(PT_DYNAMIC);
			break;
		case 4:
			damage_bytes(0);
			break;
		case 5:
			truncate_somewhere();
			break;
		case 6:
			damage_interpreter();
			break;
		default:
			damage_segment();
		}
	}
}

static void script_put(const char *text)
{
	size_t n = strlen(text);
	memcpy(work + size, text, n);
	size += n;
}

static void make_script(void)
{
	static const char *const names[] = { "/static-pie", "program", "./program", "/", ".", "/tmp", "/dev/null", "", "script", "./script", "none",
					     "/proc/self/exe", "/dev/fd/3", "chain", "true" };
	size = 0;
	script_put(below(16) ? "#!" : "#");
	for (uint64_t parts = below(4); parts; parts--) {
		uint64_t kind = below(16), n = below(4);
		for (; n; n--) {
			script_put(below(4) ? " " : "\t");
		}
		if (kind == 0) { /* about the longest line, the longest name and a page */
			static const size_t edges[] = { 126, 253, 4090, PAGE };
			n = edges[below(4)] + below(8);
			memset(work + size, "a/."[below(3)], n);
			size += n;
		} else if (kind == 1) {
			for (n = below(300); n; n--) {
				work[size++] = (uint8_t)below(256);
			}
		} else {
			script_put(names[below(sizeof(names) / sizeof(*names))]);
		}
	}
	if (below(8)) {
		script_put("\n");
	}
	script_put(below(2) ? "exit 3\n" : "");
	size = below(16) ? size : below(size + 1);
	tell("script", size, 0);
}

static bool store(int fd)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = pwrite(fd, work + done, size - done, (off_t)done);
		if (n <= 0) {
			return false;
		}
		done += (size_t)n;
	}
	return ftruncate(fd, (off_t)size) == 0;
}

static void limit(int which, rlim_t value)
{
	struct rlimit r = { value, value };
	setrlimit(which, &r);
}

static void limits_set(void)
{
	static const rlim_t spaces[] = { RLIM_INFINITY, 256 << 20, 64 << 20, 1 << 20 }, stacks[] = { RLIM_INFINITY, 8 << 20, PAGE, 0 };
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_NPROC, 30);
	limit(RLIMIT_CPU, 1);
	limit(RLIMIT_AS, spaces[below(4)]);
	if (below(4) == 0) {
		limit(RLIMIT_STACK, stacks[below(4)]);
	}
}

/* In the child: executes the file, and if it cannot ends with the error. */
static void execute(const char *name, int fd, uid_t user)
{
	static char many[100][2] = { "x" };
	char *arguments[101] = { "true" }, *environment[] = { "A=b", NULL };
	char **given = below(16) ? arguments : NULL;
	if (below(8) == 0) {
		for (int i = 0; i < 100; i++) {
			arguments[i] = many[i];
		}
	}
	arguments[0] = below(16) ? arguments[0] : NULL;
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(0, 1);
	dup2(tells ? 2 : 0, 2);
	setsid();
	limits_set();
	if (syscall(SYS_setresgid, user, user, user) != 0 || syscall(SYS_setresuid, user, user, user) != 0) {
		abort();
	}
	if (fd >= 0) {
		syscall(SYS_execveat, fd, "", given, environment, AT_EMPTY_PATH);
	} else if (below(4) == 0) {
		syscall(SYS_execveat, AT_FDCWD, name, given, environment, 0);
	} else {
		syscall(SYS_execve, name, given, below(16) ? environment : NULL);
	}
	*exec_error = errno;
	_exit(1);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whatever a program left behind. */
static void sweep(uid_t user)
{
	pid_t child = fork();
	if (child == 0) {
		syscall(SYS_setresuid, user, user, user);
		kill(-1, SIGKILL);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

/* Counts how the child ends; `shaken` is a memfd that is written and cut while it runs, or -1. True: too late. */
static bool await(pid_t child, int shaken, struct ends *ends)
{
	sigset_t set;
	int status = 0;
	int64_t until = now_ms() + LIMIT_MS;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (now_ms() > until) {
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			ends->late++;
			return true;
		}
		if (shaken >= 0) {
			ftruncate(shaken, (off_t)below(size + 1));
			ftruncate(shaken, (off_t)size);
			pwrite(shaken, work, size, (off_t)below(64) * below(2));
		} else {
			sigtimedwait(&set, NULL, &(struct timespec){ 0, 10000000 });
		}
	}
	kill(-child, SIGKILL);
	uint64_t *end = WIFSIGNALED(status) ? &ends->signals : WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7 ? &ends->whole : &ends->status;
	end = *exec_error ? &ends->errors[*exec_error % ERRORS] : end;
	++*end;
	tell("status", (uint64_t)status, (uint64_t)*exec_error);
	return false;
}

static int descriptor_of(const char *name, uint64_t form)
{
	if (form == 0) {
		int fd = memfd_create("program", 0);
		return fd >= 0 && store(fd) ? fd : -1;
	}
	return form == 1 ? open(name, O_PATH) : form == 2 ? open(name, O_RDONLY | O_CLOEXEC) : -1;
}

static bool run_round(uint64_t seed, uid_t user, struct ends *ends)
{
	char called[32];
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	bool script = below(5) == 0;
	const char *name = script ? "script" : "program";
	script ? make_script() : make_program();
	unlink(name);
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || !store(fd) || close(fd) != 0) {
		fprintf(stderr, "elf: %s: %s\n", name, strerror(errno));
		return false;
	}
	uint64_t form = below(8);
	fd = descriptor_of(name, form);
	bool shaken = form == 0 && fd >= 0 && below(2);
	snprintf(called, sizeof(called), "elf %llu", (unsigned long long)seed);
	*exec_error = 0;
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_NAME, called);
		execute(name, fd, user);
	}
	if (child < 0) {
		fprintf(stderr, "elf: no process: %s\n", strerror(errno));
		return false;
	}
	bool late = await(child, shaken ? fd : -1, ends);
	if (fd >= 0) {
		close(fd);
	}
	if (late || seed % 64 == 0) {
		sweep(user);
	}
	return true;
}

static void subject_add(const char *name, uint8_t *bytes, size_t length)
{
	if (subject_count < SUBJECTS) {
		subjects[subject_count++] = (struct subject){ name, bytes, length };
		work_room = length > work_room ? length : work_room;
	}
}

static bool subject_read(const char *name)
{
	struct stat s;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &s) != 0) {
		fprintf(stderr, "elf: %s: %s\n", name, strerror(errno));
		return false;
	}
	uint8_t *bytes = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED) {
		fprintf(stderr, "elf: %s: %s\n", name, strerror(errno));
		return false;
	}
	subject_add(name, bytes, (size_t)s.st_size);
	return true;
}

/* A position-independent program of one page that ends with 7; with an interpreter, which is a program like it, if that is wanted. */
static void subject_make(const char *name, const char *interpreter)
{
	static const uint8_t code[] = { 0xbf, 7, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 }; /* exit(7) */
	struct small {
		Elf64_Ehdr header;
		Elf64_Phdr segments[4];
		char interpreter[64];
		Elf64_Dyn dynamic[4];
		uint8_t code[sizeof(code)];
	} *f = calloc(1, sizeof(*f));
	if (!f) {
		return;
	}
	f->header = (Elf64_Ehdr){ { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, ET_DYN, EM_X86_64, EV_CURRENT,
				  offsetof(struct small, code), sizeof(Elf64_Ehdr), 0, 0, sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), 4, 0, 0, 0 };
	f->segments[0] = (Elf64_Phdr){ interpreter ? PT_INTERP : PT_NULL, PF_R, offsetof(struct small, interpreter), 0, 0,
				       interpreter ? strlen(interpreter) + 1 : 0, 0, 1 };
	f->segments[1] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, 0, 0, sizeof(*f), sizeof(*f), PAGE };
	f->segments[2] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 0, PAGE, PAGE, sizeof(*f), 3 * PAGE, PAGE };
	f->segments[3] = (Elf64_Phdr){ PT_DYNAMIC, PF_R, offsetof(struct small, dynamic), offsetof(struct small, dynamic), 0, sizeof(f->dynamic),
				       sizeof(f->dynamic), 8 };
	f->dynamic[0] = (Elf64_Dyn){ DT_STRTAB, { offsetof(struct small, interpreter) } };
	strcpy(f->interpreter, interpreter ? interpreter : "");
	memcpy(f->code, code, sizeof(code));
	subject_add(name, (uint8_t *)f, sizeof(*f));
}

/* What is there besides the damaged file: an interpreter that is whole, and a chain of scripts. */
static bool surroundings(void)
{
	const struct subject *whole = &subjects[0];
	memcpy(work, whole->bytes, whole->size);
	size = whole->size;
	int fd = open("interpreter", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	bool good = fd >= 0 && store(fd) && close(fd) == 0;
	size = (size_t)sprintf((char *)work, "#!./script chained\n");
	fd = open("chain", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	return good && fd >= 0 && store(fd) && close(fd) == 0;
}

/* False: exec gave an error that makes no sense here, or of so many rounds there were none of a kind. */
static bool report(uint64_t rounds, uint64_t seed, const struct ends *ends)
{
	static const uint8_t errors[] = { EPERM, ENOENT, EIO, E2BIG, ENOEXEC, EAGAIN, ENOMEM, EACCES, EFAULT, ENOTDIR, EISDIR, EINVAL, ETXTBSY,
					  ELOOP, ENAMETOOLONG, ELIBBAD };
	bool good = rounds < 100 || (ends->whole && ends->errors[ENOEXEC] && ends->signals);
	uint64_t others = 0;
	for (int i = 1; i < ERRORS; i++) {
		others += i == ENOEXEC ? 0 : ends->errors[i];
		if (ends->errors[i] && !memchr(errors, i, sizeof(errors))) {
			printf("exec: %s\n", strerror(i));
			good = false;
		}
	}
	printf("%llu rounds from seed %llu: %llu ran to their end, %llu to another, %llu not executable, %llu other errors, %llu ended by a signal, "
	       "%llu after %d ms\n",
	       (unsigned long long)rounds, (unsigned long long)seed, (unsigned long long)ends->whole, (unsigned long long)ends->status,
	       (unsigned long long)ends->errors[ENOEXEC], (unsigned long long)others, (unsigned long long)ends->signals,
	       (unsigned long long)ends->late, LIMIT_MS);
	return good;
}

int main(int argc, char **argv)
{
	struct ends ends = { 0 };
	uint64_t rounds = 0;
	sigset_t set;
	if (argc < 4 || strcmp(argv[0], "true") == 0 || geteuid() != 0) {
		return 2; /* also when it is the program that is executed */
	}
	uint64_t seconds = strtoull(argv[1], NULL, 10), seed = strtoull(argv[2], NULL, 10);
	uid_t user = (uid_t)(NOBODY - 1 - getpid() % 1000); /* another one's rounds are not swept */
	tells = seconds == 0;
	subject_make("small", NULL);
	subject_make("dynamic", "./interpreter");
	for (int i = 3; i < argc; i++) {
		if (!subject_read(argv[i])) {
			return 1;
		}
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	umask(0);
	work = calloc(1, work_room + 32 * PAGE);
	exec_error = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!work || exec_error == MAP_FAILED || !surroundings()) {
		fprintf(stderr, "elf: no directory to work in: %s\n", strerror(errno));
		return 1;
	}
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	do {
		if (!run_round(seed + rounds, user, &ends)) {
			return 1;
		}
		rounds++;
	} while (now_ms() < end);
	sweep(user);
	return report(rounds, seed, &ends) ? 0 : 1;
}
