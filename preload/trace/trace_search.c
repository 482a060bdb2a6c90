/*
 * Searching the trace that is being written.  See trace_search.h.
 *
 * Chunks are read from the file, the latest first (by when they end: the next
 * chunk of their stream starts there), until no other can hold anything later than what was
 * found.  The stages are part of the file, so the latest events are there too.
 * What a thread is writing at the moment may be read half: that ends the chunk.
 */
#include "trace/trace_search.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "base/sys.h"
#include "trace/trace_output.h"
#include "trace/trace_state.h"

#define SEARCH_MAX (UINT64_C(1) << 30) /* two to three seconds */
#define ALIGN_PAD 16u                  /* readable behind a chunk's data: a hot record is read as one word */

struct place {
  uint64_t offset, start_ns, end_ns;
  uint32_t size, thread, number;
};

/* What a record says about blocks. */
struct change {
  uint64_t old; /* freed; 0: none */
  uint64_t addr, size;
  uint32_t stack;
  bool allocates;
  uint64_t time_ns;
};

struct finding {
  struct change change;
  uint32_t thread;
  bool found;
};

struct search {
  struct output_use use;
  struct place *places;
  size_t count, room;
  uint8_t *chunk; /* VT_CHUNK_MAX and the pad */
  uint64_t addr;
  bool inside;
  bool frees; /* looks for the free of the block at addr, not before since_ns; else for an allocation */
  uint64_t since_ns;
  struct finding best;
};

/* ---- the list of chunks ---- */

static bool add_place(struct search *s, const struct place *place)
{
  if (s->count == s->room) {
    size_t room = s->room ? s->room * 2 : 256;
    struct place *bigger = own_map(room * sizeof *bigger);

    if (!bigger)
      return false;
    if (s->count)
      memcpy(bigger, s->places, s->count * sizeof *bigger);
    own_unmap(s->places, s->room * sizeof *bigger);
    s->places = bigger;
    s->room = room;
  }
  s->places[s->count++] = *place;
  return true;
}

static bool holds(const struct vt_chunk_header *h)
{
  return h->magic == VT_CHUNK_MAGIC && h->size && h->size <= VT_CHUNK_MAX && h->size % VT_CHUNK_ALIGN == 0 &&
         !h->packed && h->check == vt_chunk_check(h);
}

static int list_chunks(struct search *s)
{
  struct stat st;
  int error = sys_fstat(s->use.fd, &st);

  if (error)
    return error;
  for (uint64_t at = VT_HEADER_SIZE; at < (uint64_t)st.st_size;) {
    struct vt_chunk_header h;
    struct place place = {.offset = at, .end_ns = UINT64_MAX};

    if (sys_pread(s->use.fd, &h, sizeof h, (off_t)at) != (ssize_t)sizeof h)
      break;
    if (!holds(&h)) {
      at += VT_CHUNK_ALIGN;
      continue;
    }
    place.start_ns = h.start_ns;
    place.size = h.size;
    place.thread = h.thread;
    place.number = h.number;
    if (!add_place(s, &place))
      return -ENOMEM;
    at += h.size;
  }
  return 0;
}

typedef bool (*before_fn)(const struct place *a, const struct place *b);

static bool by_stream(const struct place *a, const struct place *b)
{
  return a->thread != b->thread ? a->thread < b->thread : a->number < b->number;
}

static bool latest_first(const struct place *a, const struct place *b)
{
  return a->end_ns > b->end_ns;
}

/* Heap sort: qsort may allocate. */
static void sift(struct place *p, size_t at, size_t count, before_fn before)
{
  for (;;) {
    size_t child = 2 * at + 1;
    struct place copy;

    if (child >= count)
      return;
    if (child + 1 < count && before(&p[child], &p[child + 1]))
      child++;
    if (!before(&p[at], &p[child]))
      return;
    copy = p[at];
    p[at] = p[child];
    p[child] = copy;
    at = child;
  }
}

static void sort(struct place *p, size_t count, before_fn before)
{
  for (size_t i = count / 2; i-- > 0;)
    sift(p, i, count, before);
  while (count > 1) {
    struct place copy = p[0];

    p[0] = p[--count];
    p[count] = copy;
    sift(p, 0, count, before);
  }
}

static void order_chunks(struct search *s)
{
  sort(s->places, s->count, by_stream);
  for (size_t i = 0; i + 1 < s->count; i++)
    if (s->places[i].thread == s->places[i + 1].thread)
      s->places[i].end_ns = s->places[i + 1].start_ns;
  sort(s->places, s->count, latest_first);
}

/* ---- decoding ---- */

struct decoder {
  const uint8_t *cur, *end;
  struct vt_codec codec;
  uint64_t clock;
  uint32_t stack; /* of general records */
};

/* The data of the chunk at place are in s->chunk; false: they are not what they were. */
static bool open_chunk(struct search *s, const struct place *place, struct decoder *d)
{
  const struct vt_chunk_header *h = (const struct vt_chunk_header *)s->chunk;
  ssize_t n = sys_pread(s->use.fd, s->chunk, place->size, (off_t)place->offset);

  if (n < (ssize_t)sizeof *h || !holds(h) || h->thread != place->thread || h->number != place->number)
    return false;
  memset(s->chunk + n, 0, ALIGN_PAD);
  *d = (struct decoder){.cur = s->chunk + sizeof *h, .end = s->chunk + n, .clock = h->start_ns};
  return true;
}

static bool hot_record(struct decoder *d, struct change *c)
{
  struct vt_hot_record r;
  uint64_t addr;

  d->cur = vt_take_hot_within(&d->codec, d->cur, d->end, &r);
  if (!d->cur)
    return false;
  addr = vt_unfold(r.unit << trace_state->shift);
  if ((r.word & 3) == VT_K_FREE)
    c->old = addr;
  else
    *c = (struct change){.addr = addr, .size = r.size, .stack = r.stack, .allocates = true};
  return true;
}

static bool general_record(struct decoder *d, struct change *c)
{
  struct vt_general record;
  uint64_t f[3] = {0};

  d->cur = vt_take_general(d->cur, d->end, &record);
  if (!d->cur || !record.type)
    return false;
  vt_take_fields(&record, 3, 0, f); /* of other records, whatever they have */
  switch (record.type) {
  case VT_R_TIME:
    d->clock += f[0];
    break;
  case VT_R_STACK:
    d->stack = (uint32_t)f[0];
    break;
  case VT_R_FREE:
    c->old = f[0];
    break;
  case VT_R_ALLOC:
    *c = (struct change){.addr = f[0], .size = f[1], .stack = d->stack, .allocates = true};
    break;
  case VT_R_REALLOC:
    *c = (struct change){.old = f[0], .addr = f[1], .size = f[2], .stack = d->stack, .allocates = true};
    break;
  default:
    break;
  }
  return true;
}

/* The next record; false at the end of the data.  *c is all zero but for the time when it is about no block. */
static bool next_change(struct decoder *d, struct change *c)
{
  *c = (struct change){0};
  if (d->cur >= d->end || !*d->cur)
    return false;
  if (!((*d->cur & 3) == VT_K_GENERAL ? general_record(d, c) : hot_record(d, c)))
    return false;
  c->time_ns = d->clock;
  return true;
}

/* ---- searching ---- */

static bool matches(const struct search *s, const struct change *c)
{
  if (s->frees)
    return c->old == s->addr && c->old != c->addr && c->time_ns >= s->since_ns;
  if (!c->allocates)
    return false;
  return c->addr == s->addr || (s->inside && s->addr - c->addr < c->size);
}

static void search_chunk(struct search *s, const struct place *place)
{
  struct finding latest = {.thread = place->thread};
  struct decoder d;
  struct change c;

  if (!open_chunk(s, place, &d))
    return;
  while (next_change(&d, &c)) {
    if (matches(s, &c)) {
      latest.change = c;
      latest.found = true;
    }
  }
  if (latest.found && (!s->best.found || latest.change.time_ns > s->best.change.time_ns))
    s->best = latest;
}

static bool search_chunks(struct search *s)
{
  uint64_t bytes = 0;

  s->best.found = false;
  for (size_t i = 0; i < s->count && bytes < SEARCH_MAX; i++) {
    const struct place *place = &s->places[i];

    if (place->end_ns < (s->frees ? s->since_ns : 0) || (s->best.found && s->best.change.time_ns > place->end_ns))
      break;
    search_chunk(s, place);
    bytes += place->size;
  }
  return s->best.found;
}

/* The first record of a stream tells whose it is. */
static int tid_of(struct search *s, uint32_t thread)
{
  for (size_t i = 0; i < s->count; i++) {
    struct vt_general record;
    uint64_t fields[3];
    struct decoder d;

    if (s->places[i].thread != thread || s->places[i].number != 0 || !open_chunk(s, &s->places[i], &d))
      continue;
    while (d.cur < d.end && *d.cur == VT_R_TIME << 2) {
      struct change c = {0};

      if (!general_record(&d, &c))
        return 0;
    }
    if (d.cur >= d.end || *d.cur != VT_R_THREAD << 2)
      return 0;
    return vt_take_general(d.cur, d.end, &record) && vt_take_fields(&record, 3, 3, fields) ? (int)fields[2] : 0;
  }
  return 0;
}

static int find(struct search *s, struct trace_block *block)
{
  int error = list_chunks(s);
  const struct change *c = &s->best.change;

  if (error)
    return error;
  order_chunks(s);
  if (!search_chunks(s))
    return -ENOENT;
  *block = (struct trace_block){.addr = c->addr, .size = c->size, .stack = c->stack, .thread = s->best.thread};
  block->tid = tid_of(s, block->thread);
  s->frees = true;
  s->addr = c->addr;
  s->since_ns = c->time_ns;
  if (search_chunks(s)) {
    block->freed = true;
    block->free_thread = s->best.thread;
    block->free_tid = tid_of(s, block->free_thread);
    block->free_stack = c->allocates ? c->stack : VT_STACK_NONE;
  }
  return 0;
}

int trace_find_block(uint64_t addr, bool inside, struct trace_block *block)
{
  struct search s = {.addr = addr, .inside = inside};
  int error;

  if (!trace_state->header)
    return -ENOENT;
  if (!trace_state->shared)
    writer_sync_all();
  error = output_begin(&s.use, false);
  if (error)
    return error;
  s.chunk = own_map(VT_CHUNK_MAX + ALIGN_PAD);
  error = s.chunk ? find(&s, block) : -ENOMEM;
  own_unmap(s.chunk, VT_CHUNK_MAX + ALIGN_PAD);
  own_unmap(s.places, s.room * sizeof *s.places);
  output_end(&s.use);
  return error;
}
