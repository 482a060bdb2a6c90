/*
 * The streams: opening and closing of writers, and what happens when a stage
 * is full.  Everything here is off the event path.  Called by trace_record.c and
 * trace.c; must not touch the program's heap.
 *
 * A stage is in one of two states.  Its header is valid: then it is the
 * stream's latest chunk, complete up to the first zero byte where a record
 * would begin.  Or its header is zero: then it is nothing.  Between the copy
 * of a full stage and the clearing of its header the chunk is in the file twice,
 * which readers know (the one that comes first counts: a stage is claimed before its copies).
 *
 * On a file system without shared writable mappings the stage is private
 * memory.  Then it is written to its own place, every tick and when it is
 * full, and goes on at a new place.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/own.h"
#include "base/sys.h"
#include "trace/trace_output.h"
#include "trace/trace_state.h"

#define STAGE_FIRST 8192u      /* enough for a short program or thread: about 1,700 events */
#define STAGE_FULL (64u << 10) /* stays in the second-level cache; larger ones gain nothing and count as RSS */
#define SLAB_WRITERS 32u
#define WRITER_MAGIC 0x57524954u
#define LOST_BATCH 256 /* lost events that a writer keeps to itself */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* Writers are made in slabs that are never given back.  This list is not wiped in children, the writers are.  Read
 * without the lock. */
struct slab {
  struct slab *next;
  struct trace_writer *writers;
  bool wiped;    /* the kernel zeroes the writers in a child */
  uint32_t used; /* atomic: no writer from this one on was ever taken; their pages are not touched */
};
static struct slab *slabs;

static struct slab *slabs_first(void)
{
  return __atomic_load_n(&slabs, __ATOMIC_ACQUIRE);
}

static unsigned used_of(const struct slab *slab)
{
  return __atomic_load_n(&slab->used, __ATOMIC_ACQUIRE);
}

struct trace_writer trace_none;

/* ---- the stage ---- */

static size_t blocks(size_t size)
{
  return (size + VT_CHUNK_ALIGN - 1) & ~(size_t)(VT_CHUNK_ALIGN - 1);
}

static struct vt_chunk_header chunk_header(const struct trace_writer *w, uint32_t size)
{
  struct vt_chunk_header header = {.magic = VT_CHUNK_MAGIC, .size = size, .thread = w->thread};
  const struct vt_chunk_header *now = (const struct vt_chunk_header *)w->chunk;

  header.number = w->chunk_number;
  header.start_ns = now->start_ns;
  header.allocs = now->allocs;
  header.check = vt_chunk_check(&header);
  return header;
}

/* Starts the next chunk in the stage, which is zero.  The magic number goes in last: a kill leaves all or nothing. */
static void chunk_begin(struct trace_writer *w)
{
  struct vt_chunk_header *place = (struct vt_chunk_header *)w->chunk;
  struct vt_chunk_header header;
  const size_t magic = sizeof header.magic;

  w->time_ns = sys_now();
  place->start_ns = w->time_ns;
  place->allocs = w->allocs;
  header = chunk_header(w, w->chunk_size);
  memcpy((uint8_t *)place + magic, (const uint8_t *)&header + magic, sizeof header - magic);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  *(volatile uint32_t *)&place->magic = header.magic;

  w->limit = w->chunk + w->chunk_size;
  w->cur = w->chunk + sizeof header;
  w->end = w->cur;
  w->clock_at = w->cur;
  w->stack = 0;
  if (w->coded)
    w->codec = (struct vt_codec){0};
  w->coded = true;
}

/* The chunk has its place elsewhere: the stage is nothing, then zero. */
static void chunk_clear(struct trace_writer *w)
{
  size_t used = (size_t)(w->cur - w->chunk);

  *(volatile uint32_t *)w->chunk = 0;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  memset(w->chunk + sizeof(uint32_t), 0, used - sizeof(uint32_t));
}

/* Memory for a stage at offset: shared with the file if that works at all, and present. */
static int stage_map(const struct output_use *use, uint64_t offset, uint32_t size, uint8_t **stage)
{
  *stage = trace_state->shared ? own_map_file(size, use->fd, (int64_t)offset) : own_map(size);
  if (!*stage)
    return -ENOMEM;
  if (!trace_state->shared)
    return 0;
  /* A page that cannot be made writable now would be a SIGBUS later.  Kernels before 5.14 do not tell. */
  if (sys_madvise(*stage, size, MADV_POPULATE_WRITE) == -EFAULT) {
    own_unmap(*stage, size);
    return -ENOSPC;
  }
  if (trace_state->wiped)
    sys_madvise(*stage, size, MADV_DONTFORK);
  return 0;
}

/* One of the first stages, which were set aside and mapped along with the header; NULL: offset is further on. */
static uint8_t *stage_ready(uint64_t offset, uint32_t size)
{
  bool ready = trace_state->stages && offset + size <= trace_state->reserved;

  return ready ? trace_state->stages + (offset - VT_HEADER_SIZE) : NULL;
}

static int stage_new(const struct trace_writer *w, uint64_t offset, uint32_t size, uint8_t **stage)
{
  struct output_use use;
  int error = output_begin(&use, w->foreign);

  if (error)
    return error;
  if (offset + size > trace_state->reserved)
    error = output_reserve(&use, offset, offset + size);
  if (!error) {
    trace_grown(offset + size);
    error = stage_map(&use, offset, size, stage);
  }
  output_end(&use);
  return error;
}

/* A new stage for w in place of the one it has, if any, which is left to the caller.  0 or -errno. */
static int stage_make(struct trace_writer *w, uint32_t size)
{
  int64_t offset = output_claim(size);
  uint8_t *stage;
  int error;

  if (offset < 0)
    return (int)offset;
  stage = stage_ready((uint64_t)offset, size);
  error = stage ? 0 : stage_new(w, (uint64_t)offset, size, &stage);
  if (error)
    return error;
  w->chunk = stage;
  w->chunk_size = size;
  w->chunk_offset = (uint64_t)offset;
  return 0;
}

/* Copies the stage's chunk to a place of its own, or (private) to its present one. */
static int chunk_write(struct trace_writer *w, bool foreign)
{
  uint32_t size = trace_state->shared ? (uint32_t)blocks((size_t)(w->cur - w->chunk)) : w->chunk_size;
  struct vt_chunk_header header = chunk_header(w, size);
  struct output_use use;
  int64_t offset = (int64_t)w->chunk_offset;
  int error = output_begin(&use, foreign);

  if (error)
    return error;
  if (trace_state->shared)
    offset = output_claim(size);
  if (offset < 0)
    error = (int)offset;
  else
    error =
        output_write(&use, &header, sizeof header, w->chunk + sizeof header, size - sizeof header, (uint64_t)offset);
  if (!error)
    trace_grown((uint64_t)offset + size);
  output_end(&use);
  return error;
}

/* ---- the next chunk ---- */

/* Empties the stage for the next chunk.  Private: that gets a new place in the output. */
static int chunk_flush(struct trace_writer *w)
{
  struct output_use use;
  int64_t offset;
  int error = chunk_write(w, w->foreign);

  if (error)
    return error;
  chunk_clear(w);
  if (trace_state->shared)
    return 0;
  error = output_begin(&use, w->foreign);
  if (error)
    return error;
  offset = output_claim(w->chunk_size);
  error = offset < 0 ? (int)offset : output_reserve(&use, (uint64_t)offset, (uint64_t)offset + w->chunk_size);
  if (!error) {
    w->chunk_offset = (uint64_t)offset;
    trace_grown((uint64_t)offset + w->chunk_size);
  }
  output_end(&use);
  return error;
}

/* A full-sized stage in place of the first, small one, which stays in the file as it is: its last chunk. */
static int stage_grow(struct trace_writer *w)
{
  uint8_t *old = w->chunk;
  uint32_t old_size = w->chunk_size;
  int error = trace_state->shared ? 0 : chunk_write(w, w->foreign);

  if (!error)
    error = stage_make(w, STAGE_FULL);
  if (!error)
    own_unmap(old, old_size);
  return error;
}

/* All or nothing, also for a signal handler that comes in between and leaves by longjmp. */
static int next_chunk(struct trace_writer *w, size_t need)
{
  bool fits = need <= w->chunk_size - sizeof(struct vt_chunk_header);
  uint64_t mask = sys_block_signals();
  int error = -ENOMEM;

  lock_take(&w->copying);
  if (w->chunk_size < STAGE_FULL && !w->small)
    error = stage_grow(w);
  /* No memory for more (RLIMIT_AS): the small stage goes on. */
  if (error == -ENOMEM && fits) {
    w->small = w->chunk_size < STAGE_FULL;
    error = chunk_flush(w);
  }
  if (!error) {
    w->chunk_number++;
    chunk_begin(w);
  }
  lock_release(&w->copying);
  sys_restore_signals(mask);
  return error;
}

/* Others take the count over at any time (writer_report_all). */
static void count_lost(struct trace_writer *w)
{
  struct vt_file_header *header = trace_state->header;

  if (__atomic_add_fetch(&w->lost, 1, __ATOMIC_RELAXED) >= LOST_BATCH && header)
    __atomic_fetch_add(&header->lost, __atomic_exchange_n(&w->lost, 0, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

bool writer_room(struct trace_writer *w, size_t need)
{
  int error;

  if (likely((size_t)(w->limit - w->cur) >= need))
    return true;
  if (!__atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED)) {
    error = next_chunk(w, need);
    if (!error)
      return true;
    trace_stop(error);
  }
  w->end = NULL;
  w->limit = w->cur;
  count_lost(w);
  return false;
}

struct trace_writer *writer_ready(struct trace_writer *w, uint32_t *stack)
{
  if (likely(w->magic == WRITER_MAGIC))
    return w;
  return w == &trace_none ? NULL : trace_surprise(stack);
}

/* ---- opening and closing ---- */

static bool slab_make(void)
{
  struct slab *slab = own_alloc(sizeof *slab);
  size_t size = SLAB_WRITERS * sizeof(struct trace_writer);

  if (!slab)
    return false;
  slab->writers = own_map(size);
  if (!slab->writers) {
    own_free(slab, sizeof *slab);
    return false;
  }
  slab->wiped = trace_state->wiped && sys_madvise(slab->writers, blocks(size), MADV_WIPEONFORK) == 0;
  slab->next = slabs;
  __atomic_store_n(&slabs, slab, __ATOMIC_RELEASE);
  return true;
}

/* A writer that nobody uses; the lock is held.  One that was closed last is likely to be in the cache, stage and all.
 */
static struct trace_writer *take_idle(void)
{
  struct trace_writer *w = trace_state->idle;

  if (w) {
    trace_state->idle = w->next_idle;
    return w;
  }
  for (int again = 0; again < 2; again++) {
    for (struct slab *slab = slabs_first(); slab; slab = slab->next)
      if (slab->used < SLAB_WRITERS) {
        w = &slab->writers[slab->used];
        __atomic_store_n(&slab->used, slab->used + 1, __ATOMIC_RELEASE);
        return w;
      }
    if (!slab_make())
      break;
  }
  return NULL;
}

static void give_back(struct trace_writer *w)
{
  lock_take(&trace_lock);
  w->next_idle = trace_state->idle;
  trace_state->idle = w;
  lock_release(&trace_lock);
}

struct trace_writer *trace_writer_open(uint32_t parent, uint32_t ordinal, int tid, enum vt_role role)
{
  struct trace_writer *w;
  int error = 0;

  if (!trace_active())
    return &trace_none;
  lock_take(&trace_lock);
  w = take_idle();
  if (w) {
    w->magic = WRITER_MAGIC;
    w->thread = trace_state->threads++;
    if (role != VT_ROLE_SAMPLER)
      trace_state->latest = w;
  }
  lock_release(&trace_lock);
  if (!w) {
    trace_stop(-ENOMEM);
    return &trace_none;
  }
  w->allocs = 0;
  w->pace = 0;
  w->small = false;
  w->chunk_number = 0;
  w->foreign = role == VT_ROLE_SAMPLER;
  if (!w->chunk)
    error = stage_make(w, STAGE_FIRST);
  if (error) {
    trace_stop(error);
    give_back(w);
    return &trace_none;
  }
  chunk_begin(w);
  TRACE(w, THREAD, parent, ordinal, (uint64_t)tid, role);
  return w;
}

void trace_writer_close(struct trace_writer *w)
{
  bool stopped = __atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED);
  int error;

  if (w->magic != WRITER_MAGIC || !trace_state->header)
    return;
  __atomic_fetch_add(&trace_state->header->lost, __atomic_exchange_n(&w->lost, 0, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  lock_take(&w->copying);
  error = stopped ? 0 : chunk_flush(w);
  if (error || stopped) {
    own_unmap(w->chunk, w->chunk_size);
    w->chunk = NULL;
  }
  w->cur = w->end = w->limit = NULL;
  lock_release(&w->copying);
  if (error)
    trace_stop(error);
  give_back(w);
}

/* Nobody knows what the codec and the bytes after cur have seen of the record: the one starts anew with the chunk, the
 * others are cleared, because the data end at a zero. */
void trace_writer_recover(struct trace_writer *w)
{
  size_t left, most = VT_GENERAL_MAX(VT_TAIL_MAX);
  int error;

  if (w->magic != WRITER_MAGIC || !w->cur || __atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED))
    return;
  left = (size_t)(w->limit - w->cur);
  memset(w->cur, 0, left < most ? left : most);
  error = next_chunk(w, 0);
  if (error)
    trace_stop(error);
}

/* ---- all writers ---- */

void writer_report_all(void)
{
  struct vt_file_header *header = trace_state->header;

  for (struct slab *slab = slabs_first(); slab; slab = slab->next)
    for (unsigned i = 0; i < used_of(slab); i++)
      __atomic_fetch_add(&header->lost, __atomic_exchange_n(&slab->writers[i].lost, 0, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
}

/* Busy ones are passed over: their owner is writing the stage itself. */
void writer_sync_all(void)
{
  for (struct slab *slab = slabs_first(); slab; slab = slab->next)
    for (unsigned i = 0; i < used_of(slab); i++) {
      struct trace_writer *w = &slab->writers[i];

      if (!w->chunk || !lock_try(&w->copying))
        continue;
      if (w->cur)
        chunk_write(w, true);
      lock_release(&w->copying);
    }
}

/* What the kernel wiped is left alone: each page that is only looked at would be a page fault in every child. */
void writer_forget_all(void)
{
  for (struct slab *slab = slabs_first(); slab; slab = slab->next) {
    unsigned used = used_of(slab);

    __atomic_store_n(&slab->used, 0, __ATOMIC_RELAXED);
    if (slab->wiped)
      continue;
    for (unsigned i = 0; i < used; i++)
      own_unmap(slab->writers[i].chunk, slab->writers[i].chunk_size);
    memset(slab->writers, 0, used * sizeof(struct trace_writer));
  }
}
