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
#include "trace/trace_fast.h"
#include "trace/trace_state.h"

#define SLAB_WRITERS 32u
#define WRITER_MAGIC 0x57524954u
#define WRITER_ABANDONED 0x474f4e45u
#define LOST_BATCH 256 /* lost events that a writer keeps to itself */

/* Writers are made in slabs that are never given back.  This list is not wiped in children, the writers are.  Read
 * without the lock. */
struct slab {
  struct slab *next;
  struct trace_writer *writers;
  bool wiped;    /* the kernel zeroes the writers in a child */
  bool kept;     /* of an ancestor, whose writers are left alone */
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

/* What the stream has lost goes to the header.  By anybody, at the same time. */
static void report_lost(struct trace_writer *w)
{
  struct vt_file_header *header = trace_state->header;
  uint64_t told = __atomic_load_n(&w->told, __ATOMIC_RELAXED), lost = __atomic_load_n(&w->lost, __ATOMIC_RELAXED);

  if (header && lost != told &&
      __atomic_compare_exchange_n(&w->told, &told, lost, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    __atomic_fetch_add(&header->lost, lost - told, __ATOMIC_RELAXED);
}

/* A number as a LEB that fills its 8 bytes (56 bits are enough): it is written anew by one store. */
static uint64_t leb_of_word(uint64_t v)
{
  uint64_t leb = 0;

  for (unsigned i = 0; i < 8; i++)
    leb |= (v >> (7 * i) & 0x7f) << (8 * i);
  return leb | UINT64_C(0x0080808080808080);
}

/*
 * The stream's last record: LOSS, whose count goes on in the file with each event that is lost.  Its reason is filled
 * up so that the count is aligned: a kill leaves the one before or the one after.
 */
static void put_loss(struct trace_writer *w, uint32_t reason)
{
  uint8_t *record = w->cur, *p = record + 2;
  uint8_t *count = (uint8_t *)(((uintptr_t)p + 1 + 7) & ~(uintptr_t)7);

  for (*p++ = (uint8_t)reason; p < count; p++) {
    p[-1] |= 0x80;
    *p = 0;
  }
  w->loss = (uint64_t *)count;
  *w->loss = leb_of_word(0);
  record[1] = (uint8_t)(count + sizeof *w->loss - record - 2);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  *(volatile uint8_t *)record = VT_R_LOSS << 2;
  w->cur = count + sizeof *w->loss;
}

/* Whether the stage holds a chunk that can take one more record. */
static bool has_chunk(const struct trace_writer *w)
{
  return w->chunk && w->cur && ((const struct vt_chunk_header *)w->chunk)->magic == VT_CHUNK_MAGIC;
}

/* The shared one counts for many threads, all others for their own. */
static void count_lost(struct trace_writer *w)
{
  uint64_t lost = __atomic_add_fetch(&w->lost, 1, __ATOMIC_RELAXED);

  if (w->loss)
    __atomic_store_n(w->loss, leb_of_word(lost - w->lost_before), __ATOMIC_RELAXED);
  if (lost - __atomic_load_n(&w->told, __ATOMIC_RELAXED) >= LOST_BATCH)
    report_lost(w);
}

/* No room from now on. */
static void writer_finish(struct trace_writer *w)
{
  if (!w->loss && has_chunk(w))
    put_loss(w, __atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED));
  w->end = NULL;
  w->limit = w->cur;
}

/* A hook that was interrupted by the fork of this child goes on with its parent's writer: over and over in the same
 * memory. */
static bool abandoned_room(struct trace_writer *w, size_t need)
{
  w->cur = w->chunk + sizeof(struct vt_chunk_header);
  return (size_t)(w->limit - w->cur) >= need;
}

bool writer_room(struct trace_writer *w, size_t need, enum vt_record_type type)
{
  int error;

  /* A sealed writer may be past its limit. */
  if (likely(w->limit - w->cur >= (ptrdiff_t)need))
    return true;
  if (w->magic == WRITER_ABANDONED)
    return abandoned_room(w, need);
  if (!__atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED) && w->thread != VT_NO_THREAD) {
    error = stage_next(w, need);
    if (!error)
      return true;
    trace_stop(error);
  }
  writer_finish(w);
  if (!w->foreign && vt_record_traits(type) & VT_T_PROGRAM)
    count_lost(w);
  return false;
}

void trace_writer_seal(struct trace_writer *w)
{
  w->end = NULL;
  w->limit = w->cur;
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

/* A writer without a stage: all that it is given is lost. */
static struct trace_writer *writer_counting(struct trace_writer *w)
{
  w->magic = WRITER_MAGIC;
  w->thread = VT_NO_THREAD;
  w->cur = w->end = w->limit = NULL;
  w->loss = NULL;
  return w;
}

struct trace_writer *trace_writer_counting(void)
{
  return trace_state->header ? writer_counting(&trace_state->late) : &trace_none;
}

static void give_back(struct trace_writer *w)
{
  uint64_t mask = masked_lock_take(&lock_streams);

  w->next_idle = trace_state->idle;
  trace_state->idle = w;
  masked_lock_release(&lock_streams, mask);
}

static void writer_begin(struct trace_writer *w)
{
  int error;

  w->allocs = 0;
  w->pace = 0;
  w->small = false;
  w->chunk_number = 0;
  w->lost_before = __atomic_load_n(&w->lost, __ATOMIC_RELAXED);
  w->skipped = 0;
  error = stage_open(w);
  if (error)
    trace_stop(error);
}

struct trace_writer *trace_writer_open(uint32_t parent, uint32_t ordinal, int tid, enum vt_role role)
{
  struct trace_writer *w;
  uint64_t mask;

  if (!trace_state->header)
    return &trace_none;
  mask = masked_lock_take(&lock_streams);
  w = take_idle();
  if (w) {
    masked_lock_init(&w->copying, LOCK_STAGE);
    writer_counting(w);
    w->foreign = role == VT_ROLE_SAMPLER;
    if (trace_active())
      w->thread = trace_state->threads++;
    if (role != VT_ROLE_SAMPLER)
      trace_state->latest = w;
  }
  masked_lock_release(&lock_streams, mask);
  if (!w)
    trace_stop(-ENOMEM);
  else if (w->thread != VT_NO_THREAD)
    writer_begin(w);
  w = w ? w : trace_writer_counting();
  TRACE(w, THREAD, parent, ordinal, (uint64_t)tid, role);
  trace_clock_due(w); /* what comes next may come much later */
  return w;
}

void trace_writer_close(struct trace_writer *w)
{
  bool stopped = __atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED);
  uint64_t mask;
  int error;

  if (w->magic != WRITER_MAGIC || !trace_state->header || w == &trace_state->late)
    return;
  report_lost(w);
  mask = masked_lock_take(&w->copying);
  error = stopped ? 0 : stage_close(w);
  if ((error || stopped) && w->chunk) {
    if (!trace_state->shared && has_chunk(w))
      stage_write(w, w->foreign);
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
  w->skipped = *w->cur != 0;
  trace_note_lost(w->skipped);
  memset(w->cur, 0, left < most ? left : most);
  error = stage_next(w, 0);
  if (error)
    trace_stop(error);
}

/* ---- all writers ---- */

void writer_report_all(void)
{
  for (struct slab *slab = slabs_first(); slab; slab = slab->next)
    for (unsigned i = 0; i < used_of(slab); i++)
      report_lost(&slab->writers[i]);
  report_lost(&trace_state->late);
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
      if (has_chunk(w) && w->magic == WRITER_MAGIC)
        stage_write(w, true);
      masked_lock_release(&w->copying, mask);
    }
}

void writer_keep_all(void)
{
  for (struct slab *slab = slabs_first(); slab; slab = slab->next) {
    slab->kept = true;
    __atomic_store_n(&slab->used, SLAB_WRITERS, __ATOMIC_RELAXED);
  }
}

void writer_abandon(struct trace_writer *w, const struct trace_writer *copy)
{
  if (!w)
    return;
  *w = *copy;
  w->magic = WRITER_ABANDONED;
  w->told = w->lost; /* counted by the parent */
}

/* What the kernel wiped is left alone: each page that is only looked at would be a page fault in every child. */
void writer_forget_all(bool wiped)
{
  for (struct slab *slab = slabs_first(); slab; slab = slab->next) {
    unsigned used = used_of(slab);

    if (slab->kept)
      continue;
    __atomic_store_n(&slab->used, 0, __ATOMIC_RELAXED);
    if (slab->wiped && wiped)
      continue;
    for (unsigned i = 0; i < used; i++)
      stage_unmap(slab->writers[i].chunk, slab->writers[i].chunk_size);
    memset(slab->writers, 0, used * sizeof(struct trace_writer));
  }
}
