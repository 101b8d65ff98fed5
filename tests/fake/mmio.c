/* SPDX-License-Identifier: MIT */
/*
 * The page has no access. A fault fills the register's current value in, opens the page and sets the trap flag; the single-step
 * trap behind the instruction takes the written value out and closes the page again (Intel SDM vol. 3, 17.3.1.4).
 */
#include "mmio.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096
#define EFLAGS_TF 0x100
#define FAULT_WRITE 2

static struct {
	const struct fake_mmio_ops *ops;
	void *device;
	char *page;
	size_t bytes;
	uint32_t offset;
	bool write;
} mmio;

static void mmio_fault(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	char *at = info->si_addr;
	if (!mmio.page || at < mmio.page || at >= mmio.page + mmio.bytes) {
		signal(SIGSEGV, SIG_DFL);
		return;
	}
	mmio.offset = (uint32_t)(at - mmio.page);
	mmio.write = c->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE;
	uint32_t value = mmio.write ? 0 : mmio.ops->read(mmio.device, mmio.offset);
	mprotect(mmio.page, mmio.bytes, PROT_READ | PROT_WRITE);
	memcpy(at, &value, sizeof(value));
	c->uc_mcontext.gregs[REG_EFL] |= EFLAGS_TF;
}

static void mmio_trap(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	uint32_t value;
	memcpy(&value, mmio.page + mmio.offset, sizeof(value));
	mprotect(mmio.page, mmio.bytes, PROT_NONE);
	c->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)EFLAGS_TF;
	if (mmio.write) {
		mmio.ops->write(mmio.device, mmio.offset, value);
	}
}

void fake_mmio_arm(void)
{
	struct sigaction fault = { .sa_sigaction = mmio_fault, .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = mmio_trap, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &trap, NULL);
}

volatile void *fake_mmio_map(const struct fake_mmio_ops *ops, void *device)
{
	return fake_mmio_map_pages(ops, device, 1);
}

volatile void *fake_mmio_map_pages(const struct fake_mmio_ops *ops, void *device, size_t pages)
{
	mmio.ops = ops;
	mmio.device = device;
	mmio.bytes = pages * PAGE;
	mmio.page = mmap(NULL, mmio.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mmio.page == MAP_FAILED) {
		abort();
	}
	return mmio.page;
}

void fake_mmio_unmap(void)
{
	munmap(mmio.page, mmio.bytes);
	mmio.page = NULL;
}
