/* SPDX-License-Identifier: MIT */
/*
 * The kernel's random bytes. A pool key is stirred by XOR and one ChaCha20 block; each request takes blocks under that key and
 * then replaces the key by a block nobody sees, so that a key learned later tells nothing of what was handed out (fast key
 * erasure). Seed: RDSEED, else RDRAND, and in any case differences of the TSC around memory accesses.
 */
#include "kernel/random.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/string.h"
#include "chacha.h"
#include "kernel/lock.h"

static spinlock_t random_lock = SPINLOCK_INIT("random");
static uint32_t key[8]; /* under random_lock, as all below */
static uint32_t nonce[3];
static bool seeded;

#define CPUID1_ECX_RDRAND (1u << 30)
#define CPUID7_EBX_RDSEED (1u << 18)
#define HARDWARE_TRIES 32
#define JITTER_ROUNDS 256

static uint64_t timestamp(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void cpuid_read(uint32_t leaf, uint32_t *ebx, uint32_t *ecx)
{
	uint32_t eax = leaf, edx;
	*ecx = 0;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(*ebx), "+c"(*ecx), "=d"(edx));
}

static bool hardware_word(bool seed, uint64_t *word)
{
	for (int i = 0; i < HARDWARE_TRIES; i++) {
		bool ok;
		if (seed) {
			__asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(ok));
		} else {
			__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
		}
		if (ok) {
			return true;
		}
	}
	return false;
}

static void stir_locked(const void *data, size_t bytes)
{
	const uint8_t *from = data;
	uint32_t block[16];
	while (bytes) {
		size_t n = bytes < sizeof(key) ? bytes : sizeof(key);
		uint8_t *to = (uint8_t *)key;
		for (size_t i = 0; i < n; i++) {
			to[i] ^= from[i];
		}
		nonce[0]++;
		chacha20_block(key, 0, nonce, block);
		memcpy(key, block, sizeof(key));
		from += n;
		bytes -= n;
	}
}

static void seed_locked(void)
{
	uint32_t ebx, ecx, ecx7, ebx1;
	cpuid_read(1, &ebx1, &ecx);
	cpuid_read(7, &ebx, &ecx7);
	bool rdseed = ebx & CPUID7_EBX_RDSEED, rdrand = ecx & CPUID1_ECX_RDRAND;
	for (int i = 0; i < 8; i++) {
		uint64_t word;
		if ((rdseed && hardware_word(true, &word)) || (rdrand && hardware_word(false, &word))) {
			stir_locked(&word, sizeof(word));
		}
	}
	uint64_t before = timestamp();
	for (int i = 0; i < JITTER_ROUNDS; i++) {
		uint64_t now = timestamp();
		uint64_t sample[2] = { now - before, now };
		stir_locked(sample, sizeof(sample));
		before = now;
	}
	seeded = true;
}

void random_stir(const void *data, size_t bytes)
{
	spin_lock(&random_lock);
	stir_locked(data, bytes);
	spin_unlock(&random_lock);
}

void random_bytes(void *buffer, size_t bytes)
{
	uint8_t *to = buffer;
	uint32_t block[16], counter = 1;
	spin_lock(&random_lock);
	if (!seeded) {
		seed_locked();
	}
	nonce[1]++;
	while (bytes) {
		size_t n = bytes < sizeof(block) ? bytes : sizeof(block);
		chacha20_block(key, counter++, nonce, block);
		memcpy(to, block, n);
		to += n;
		bytes -= n;
	}
	chacha20_block(key, 0, nonce, block);
	memcpy(key, block, sizeof(key));
	memset(block, 0, sizeof(block));
	spin_unlock(&random_lock);
}
