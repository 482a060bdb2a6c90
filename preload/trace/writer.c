/*
 * Writers: opening and closing of streams, room for the next record, and what
 * concerns all writers at once.  Everything here is off the event path.  Called by trace_record.c and trace.c; must not
 * touch the program's heap, nor a stage but through stage.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "trace/stage.h"
#include "trace/trace_state.h"

#define SLAB_WRITERS 32u
#define WRITER_MAGIC 0x57524954u
#define LOST_BATCH 256 /* lost events that a writer keeps to itself */

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
    error = stage_next(w, need);
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
  slab->wiped = trace_state->wiped && sys_madvise(slab->writers, stage_blocks(size), MADV_WIPEONFORK) == 0;
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
  uint64_t mask = masked_lock_take(&lock_streams);

  w->next_idle = trace_state->idle;
  trace_state->idle = w;
  masked_lock_release(&lock_streams, mask);
}

struct trace_writer *trace_writer_open(uint32_t parent, uint32_t ordinal, int tid, enum vt_role role)
{
  struct trace_writer *w;
  uint64_t mask;
  int error;

  if (!trace_active())
    return &trace_none;
  mask = masked_lock_take(&lock_streams);
  w = take_idle();
  if (w) {
    masked_lock_init(&w->copying, LOCK_STAGE);
    w->magic = WRITER_MAGIC;
    w->thread = trace_state->threads++;
    if (role != VT_ROLE_SAMPLER)
      trace_state->latest = w;
  }
  masked_lock_release(&lock_streams, mask);
  if (!w) {
    trace_stop(-ENOMEM);
    return &trace_none;
  }
  w->allocs = 0;
  w->pace = 0;
  w->small = false;
  w->chunk_number = 0;
  w->foreign = role == VT_ROLE_SAMPLER;
  error = stage_open(w);
  if (error) {
    trace_stop(error);
    give_back(w);
    return &trace_none;
  }
  TRACE(w, THREAD, parent, ordinal, (uint64_t)tid, role);
  return w;
}

void trace_writer_close(struct trace_writer *w)
{
  bool stopped = __atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED);
  uint64_t mask;
  int error;

  if (w->magic != WRITER_MAGIC || !trace_state->header)
    return;
  __atomic_fetch_add(&trace_state->header->lost, __atomic_exchange_n(&w->lost, 0, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  mask = masked_lock_take(&w->copying);
  error = stopped ? 0 : stage_flush(w);
  if (error || stopped) {
    stage_unmap(w->chunk, w->chunk_size);
    w->chunk = NULL;
  }
  w->cur = w->end = w->limit = NULL;
  masked_lock_release(&w->copying, mask);
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
  error = stage_next(w, 0);
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
      uint64_t mask;

      if (!w->chunk || !masked_lock_try(&w->copying, &mask))
        continue;
      if (w->cur)
        stage_write(w, true);
      masked_lock_release(&w->copying, mask);
    }
}

/* What the kernel wiped is left alone: each page that is only looked at would be a page fault in every child. */
void writer_forget_all(bool wiped)
{
  for (struct slab *slab = slabs_first(); slab; slab = slab->next) {
    unsigned used = used_of(slab);

    __atomic_store_n(&slab->used, 0, __ATOMIC_RELAXED);
    if (slab->wiped && wiped)
      continue;
    for (unsigned i = 0; i < used; i++)
      stage_unmap(slab->writers[i].chunk, slab->writers[i].chunk_size);
    memset(slab->writers, 0, used * sizeof(struct trace_writer));
  }
}
