/* SPDX-License-Identifier: MIT */
/*
 * What splice.c does with pipes (kernel/vfs.h). Bytes that a splice takes keep their room until it is known whether they were used, and room is
 * kept for those that it brings. Pages of files are passed on with their references while nothing but splices touches the pipe: on to a
 * connection they are never copied.
 */
#include "pipe_internal.h"

#include "kernel/signal.h"

bool file_is_pipe(const struct file *f)
{
	return f->private && f->ops && f->ops->release == fifo_file_ops.release;
}

bool pipe_same(const struct file *a, const struct file *b)
{
	return a->private == b->private;
}

/* ---- pages ---- */
static const char *part_data(const struct page_part *part)
{
	return (const char *)page_data(part->page) + part->offset;
}

void pipe_melt_locked(struct pipe *p)
{
	struct pipe_pages *pages = p->pages;
	if (!p->paged) {
		return;
	}
	for (uint32_t i = 0; i < pages->count; i++) {
		uint32_t n = pages->parts[i].bytes;
		p->held -= n;
		pipe_ring_put(p, part_data(&pages->parts[i]), n);
		__atomic_store_n(&p->paged, p->paged - n, __ATOMIC_RELEASE);
		page_put(pages->parts[i].page);
	}
	pages->count = 0;
}

void pipe_pages_drop(struct pipe *p)
{
	for (uint32_t i = 0; p->pages && i < p->pages->count; i++) {
		page_put(p->pages->parts[i].page);
	}
	kfree(p->pages);
}

/* A pipe has as many parts as pages' bytes fit in, and one more, as the first may begin within a page. False: no memory for that. */
static bool pages_grow(struct pipe *p)
{
	spin_lock(&p->lock);
	uint32_t most = p->limit / (uint32_t)PAGE_SIZE + 1;
	bool large = p->pages && p->pages->most >= most;
	spin_unlock(&p->lock);
	if (large) {
		return true;
	}
	struct pipe_pages *pages = kmalloc(sizeof(*pages) + most * sizeof(pages->parts[0])), *old = pages;
	if (!pages) {
		return false;
	}
	pages->most = most;
	pages->count = 0;
	spin_lock(&p->lock);
	if (!p->pages || p->pages->most < most) {
		old = p->pages;
		pages->count = old ? old->count : 0;
		memcpy(pages->parts, old ? old->parts : pages->parts, pages->count * sizeof(pages->parts[0]));
		p->pages = pages;
	}
	spin_unlock(&p->lock);
	kfree(old);
	return true;
}

/* With its reference. False: there are too many. */
static bool part_append_locked(struct pipe *p, const struct page_part *part)
{
	struct pipe_pages *pages = p->pages;
	struct page_part *last = pages->count ? &pages->parts[pages->count - 1] : NULL;
	if (last && last->page == part->page && last->offset + last->bytes == part->offset) {
		last->bytes += part->bytes;
		page_put(part->page);
	} else if (pages->count < pages->most) {
		pages->parts[pages->count++] = *part;
	} else {
		return false;
	}
	p->paged += part->bytes;
	return true;
}

uint32_t pipe_put_pages(struct file *f, const struct page_part *parts, unsigned count)
{
	struct pipe *p = f->private;
	uint32_t bytes = 0;
	unsigned n = 0;
	if (pages_grow(p)) {
		spin_lock(&p->lock);
		while (n < count && part_append_locked(p, &parts[n])) {
			bytes += parts[n++].bytes;
		}
		spin_unlock(&p->lock);
	}
	for (; n < count; n++) {
		page_put(parts[n].page);
	}
	if (bytes) {
		waitq_wake_all(&p->read_queue);
	}
	return bytes;
}

/* The first `bytes` of what lies in pages; a part that goes on behind them is in both. */
static unsigned parts_take_locked(struct pipe *p, struct page_part parts[PAGE_PARTS], uint32_t bytes)
{
	struct pipe_pages *pages = p->pages;
	unsigned whole = 0, count = 0;
	while (count < PAGE_PARTS && count < pages->count && bytes) {
		struct page_part *from = &pages->parts[count], *to = &parts[count];
		*to = *from;
		to->bytes = from->bytes < bytes ? from->bytes : bytes;
		count++;
		if (to->bytes < from->bytes) {
			page_get(from->page);
			from->offset += to->bytes;
			from->bytes -= to->bytes;
		} else {
			whole++;
		}
		bytes -= to->bytes;
		p->paged -= to->bytes;
	}
	pages->count -= whole;
	memmove(pages->parts, pages->parts + whole, pages->count * sizeof(pages->parts[0]));
	return count;
}

unsigned pipe_take_pages(struct file *f, struct page_part parts[PAGE_PARTS], uint32_t bytes)
{
	struct pipe *p = f->private;
	unsigned count = 0;
	spin_lock(&p->lock);
	if (p->paged && !p->used && !p->taken) {
		count = parts_take_locked(p, parts, bytes);
		p->taken = true;
	}
	spin_unlock(&p->lock);
	return count;
}

/* The last one of these may be the first half of what is first in the pipe. How many are left. */
static unsigned part_join_locked(struct pipe *p, const struct page_part *parts, unsigned count)
{
	const struct page_part *last = count ? &parts[count - 1] : NULL;
	struct page_part *first = p->pages->parts;
	if (last && p->paged && last->page == first->page && last->offset + last->bytes == first->offset) {
		first->offset = last->offset;
		first->bytes += last->bytes;
		p->paged += last->bytes;
		page_put(last->page);
		count--;
	}
	return count;
}

/* In front of all, whether as pages or, where bytes are in front of those by now, as bytes: the room was held. */
static void parts_return_locked(struct pipe *p, const struct page_part *parts, unsigned count)
{
	struct pipe_pages *pages = p->pages;
	count = p->used ? count : part_join_locked(p, parts, count);
	if (!p->used && pages->count + count <= pages->most) {
		memmove(pages->parts + count, pages->parts, pages->count * sizeof(parts[0]));
		memcpy(pages->parts, parts, count * sizeof(parts[0]));
		pages->count += count;
		for (unsigned i = 0; i < count; i++) {
			p->paged += parts[i].bytes;
		}
		return;
	}
	for (unsigned i = count; i-- > 0;) {
		p->held -= parts[i].bytes;
		pipe_ring_return(p, part_data(&parts[i]), parts[i].bytes);
		page_put(parts[i].page);
	}
}

void pipe_settle_pages(struct file *f, struct page_part *parts, unsigned count, uint64_t kept)
{
	struct pipe *p = f->private;
	unsigned gone = 0;
	while (gone < count && kept >= parts[gone].bytes) {
		kept -= parts[gone].bytes;
		gone++;
	}
	uint32_t freed = 0;
	for (unsigned i = 0; i < gone; i++) {
		freed += parts[i].bytes;
		page_put(parts[i].page);
	}
	if (gone < count) {
		parts[gone].offset += (uint32_t)kept;
		parts[gone].bytes -= (uint32_t)kept;
		freed += (uint32_t)kept;
	}
	spin_lock(&p->lock);
	p->held -= freed;
	p->taken = false;
	parts_return_locked(p, parts + gone, count - gone);
	spin_unlock(&p->lock);
	waitq_wake_all(&p->read_queue);
	waitq_wake_all(&p->write_queue);
}

/* ---- bytes ---- */
/* Until there is something, and no other splice has taken some of it where one is to `take`. 1; 0: nobody will write; -EAGAIN, -ERESTARTSYS. */
static int filled_await(struct pipe *p, bool take, bool wait)
{
	for (;;) {
		spin_lock(&p->lock);
		bool filled = pipe_is_filled(p), ended = !filled && !p->writers, taken = take && p->taken;
		spin_unlock(&p->lock);
		if (ended || (filled && !taken)) {
			return filled;
		}
		if (!wait) {
			return -EAGAIN;
		}
		if (WAIT_EVENT_INTERRUPTIBLE(&p->read_queue, pipe_is_filled(p) ? !(take && p->taken) : p->writers == 0)) {
			return -ERESTARTSYS;
		}
	}
}

int pipe_await(struct file *f, bool wait)
{
	return filled_await(f->private, true, wait);
}

static uint32_t look_locked(struct pipe *p, char *to, uint32_t bytes, bool take)
{
	if (take && p->taken) {
		return 0;
	}
	if (!(take && p->used)) {
		pipe_melt_locked(p);
	}
	if (!take) {
		uint32_t n = bytes < p->used ? bytes : p->used;
		pipe_ring_copy(p, to, n);
		return n;
	}
	uint32_t n = pipe_ring_take(p, to, bytes);
	p->taken = n > 0;
	p->held += n;
	return n;
}

long pipe_look(struct file *f, void *to, uint32_t bytes, bool take, bool wait)
{
	struct pipe *p = f->private;
	for (;;) {
		spin_lock(&p->lock);
		uint32_t n = look_locked(p, to, bytes, take);
		spin_unlock(&p->lock);
		int more = n ? 0 : filled_await(p, take, wait);
		if (more <= 0) {
			return n ? (long)n : more;
		}
	}
}

void pipe_settle(struct file *f, const void *bytes, uint32_t taken, uint32_t kept)
{
	struct pipe *p = f->private;
	uint32_t back = taken - kept;
	spin_lock(&p->lock);
	p->held -= taken;
	p->taken = false;
	pipe_ring_return(p, (const char *)bytes + kept, back); /* the room was held */
	spin_unlock(&p->lock);
	waitq_wake_all(&p->read_queue);
	waitq_wake_all(&p->write_queue);
}

long pipe_reserve(struct file *f, uint32_t bytes, bool wait)
{
	struct pipe *p = f->private;
	for (;;) {
		spin_lock(&p->lock);
		uint32_t room = pipe_room(p), n = bytes < room ? bytes : room, readers = p->readers;
		bool grow = n < bytes && p->size < p->limit;
		p->held += readers && !grow ? n : 0;
		spin_unlock(&p->lock);
		if (readers == 0) {
			signal_broken_pipe();
			return -EPIPE;
		}
		if (!grow && n) {
			return n;
		}
		if (grow) {
			if (!pipe_ring_grow(p)) {
				return -ENOMEM;
			}
		} else if (!wait) {
			return -EAGAIN;
		} else if (WAIT_EVENT_INTERRUPTIBLE(&p->write_queue, pipe_room(p) || p->size < p->limit || p->readers == 0)) {
			return -ERESTARTSYS;
		}
	}
}

void pipe_fill(struct file *f, const void *bytes, uint32_t count, uint32_t reserved)
{
	struct pipe *p = f->private;
	spin_lock(&p->lock);
	p->held -= reserved;
	if (count) {
		pipe_melt_locked(p);
	}
	pipe_ring_put(p, bytes, count);
	spin_unlock(&p->lock);
	if (count) {
		waitq_wake_all(&p->read_queue);
	}
	if (count < reserved) {
		waitq_wake_all(&p->write_queue);
	}
}
