/*
 * Opens the chunks of a stream one after the other and decodes what
 * stream_hot leaves.  A window is held only between a chunk's first record
 * and its last, so that many streams cost memory only while they run side by side.
 * Called by merge.c and stream_list.c; order between streams is not known here.
 */
#include "reader/stream.h"

#include <stdlib.h>

#include "reader/record.h"
#include "reader/unpack.h"
#include "reader/xalloc.h"

#define WINDOW_PAD UNPACK_PAD /* zeros behind the contents: they read as the end of the data */

void stream_shared_release(struct stream_shared *shared)
{
  if (shared->unpacker)
    unpack_operations()->end(shared->unpacker);
  free(shared->scratch);
  shared->unpacker = NULL;
  shared->scratch = NULL;
}

static void damage_record(struct stream *s)
{
  if (s->shared->damage && s->damaged != s->offset) {
    s->damaged = s->offset;
    s->shared->damage->bad_records++;
    damage_at(s->shared->damage, s->offset);
  }
}

static void window_drop(struct stream *s)
{
  free(s->window);
  s->window = NULL;
  s->cur = s->end = s->fast_end = s->clock_at = NULL;
}

/* Unpacks the whole chunk to out (chunk.raw_size and UNPACK_PAD bytes of room). */
static bool unpack_whole(struct stream *s, uint8_t *out)
{
  struct stream_shared *shared = s->shared;
  const struct unpack *unpack = unpack_operations();
  uint8_t *packed;
  bool whole = false;

  if (!unpack)
    return false;
  packed = xmalloc(s->chunk.packed);
  if (!shared->unpacker)
    shared->unpacker = unpack->begin(s->shift);
  if (trace_file_read(shared->file, packed, s->chunk.packed, s->offset + sizeof s->chunk) == s->chunk.packed)
    whole = unpack->chunk(shared->unpacker, s->chunk.form, packed, s->chunk.packed, out, s->chunk.raw_size);
  free(packed);
  return whole;
}

/*
 * Loads want bytes of the chunk's data from position from on.  A packed chunk
 * larger than a window is unpacked again for each piece: slower than keeping
 * it, but with 1,000 streams open at once memory stays bounded.
 */
static size_t load(struct stream *s, uint8_t *out, size_t want, uint32_t from)
{
  struct stream_shared *shared = s->shared;

  if (!s->chunk.packed)
    return trace_file_read(shared->file, out, want, s->offset + sizeof s->chunk + from);
  if (want == s->chunk.raw_size)
    return unpack_whole(s, out) ? want : 0;
  if (!shared->scratch)
    shared->scratch = xmalloc(VT_CHUNK_MAX + UNPACK_PAD);
  if (!unpack_whole(s, shared->scratch))
    return 0;
  memcpy(out, shared->scratch + from, want);
  return want;
}

/* Moves what is left to the window's start and loads more behind it.  False when nothing came.  What was there when the
 * trace was opened and does not come now (the disk fails, the file was cut, the packing is damaged) is damage. */
static bool fill(struct stream *s)
{
  size_t kept = (size_t)(s->end - s->cur), want = s->window_size - kept, got;

  if (want > s->total - s->loaded)
    want = s->total - s->loaded;
  if (!want)
    return false;
  memmove(s->window, s->cur, kept);
  got = load(s, s->window + kept, want, s->loaded);
  if (got < want) {
    damage_record(s);
    s->total = s->loaded + (uint32_t)got;
  }
  s->loaded += (uint32_t)got;
  s->cur = s->window;
  s->end = s->window + kept + got;
  memset(s->window + kept + got, 0, WINDOW_PAD);
  s->fast_end = s->end - s->cur > VT_HOT_MAX ? s->end - VT_HOT_MAX : s->cur;
  s->clock_at = NULL;
  return got > 0;
}

/* The clock never goes back, nor does the time of events (which the merge may have moved ahead of the clock). */
static void clock_set(struct stream *s, uint64_t ns)
{
  if (ns > s->clock)
    s->clock = ns;
  if (s->clock > s->event.time_ns)
    s->event.time_ns = s->clock;
}

/* A chunk that the index has and that cannot be read now.  One that the file ends in was counted when it was opened. */
static void damage_unreadable(struct stream *s)
{
  if (s->next_chunk->size > sizeof s->chunk)
    damage_record(s);
}

/* Finds the next chunk that can be read and moves the clock to it; it is not opened yet. */
static bool chunk_find(struct stream *s)
{
  for (; s->next_chunk < s->last_chunk; s->next_chunk++) {
    s->offset = s->next_chunk->offset;
    if (trace_file_chunk(s->shared->file, s->offset, &s->chunk) && s->next_chunk->size > sizeof s->chunk &&
        !(s->chunk.packed && !s->chunk.raw_size)) {
      clock_set(s, s->chunk.start_ns);
      return true;
    }
    damage_unreadable(s);
  }
  return false;
}

static void chunk_close(struct stream *s)
{
  s->shared->done += s->next_chunk->size;
  s->next_chunk++;
  window_drop(s);
}

/* Opens the chunk that chunk_find found; false when it holds nothing. */
static bool chunk_open(struct stream *s)
{
  uint32_t in_file = s->next_chunk->size - (uint32_t)sizeof s->chunk;

  s->total = s->chunk.packed ? s->chunk.raw_size : in_file;
  s->loaded = 0;
  s->window_size = s->chunk.packed ? s->shared->window_max_packed : s->shared->window_max;
  if (s->window_size > s->total)
    s->window_size = s->total;
  s->window = xmalloc(s->window_size + WINDOW_PAD);
  s->cur = s->end = s->window;
  s->allocs = s->chunk.allocs;
  s->stack = 0;
  memset(&s->codec, 0, sizeof s->codec);
  return fill(s);
}

bool stream_init(struct stream *s, struct stream_shared *shared, const struct chunk_place *first, size_t count)
{
  memset(s, 0, sizeof *s);
  s->shared = shared;
  s->shift = shared->file->header.addr_shift;
  s->event.thread = first->thread;
  s->next_chunk = first;
  s->last_chunk = first + count;
  return chunk_find(s);
}

void stream_release(struct stream *s)
{
  window_drop(s);
  s->next_chunk = s->last_chunk;
}

/* The events that the writer says it lost just before this chunk, as an event of their own. */
static void event_of_loss(struct stream *s)
{
  struct event *e = &s->event;

  e->type = VT_R_LOSS;
  e->seq = s->allocs;
  e->stack = 0;
  e->fields = 2;
  e->field[0] = VT_LOSS_NONE;
  e->field[1] = s->chunk.lost;
  e->tail = NULL;
  e->tail_len = 0;
}

/* What a general record means to the stream itself. */
static enum stream_step general_apply(struct stream *s)
{
  struct event *e = &s->event;
  uint32_t traits = vt_record_traits(e->type);

  e->seq = s->allocs;
  e->stack = traits & VT_T_STACK ? s->stack : 0;
  s->allocs += (traits & VT_T_NUMBERED) != 0;
  switch (e->type) {
  case VT_R_TIME:
    clock_set(s, s->clock + e->field[0]); /* a sum that wraps is damage and moves nothing */
    return STREAM_CLOCK;
  case VT_R_ALLOC:
    if (!e->field[2])
      e->field[2] = STREAM_ALIGN;
    return STREAM_EVENT;
  case VT_R_STACK:
    s->stack = (uint32_t)e->field[0];
    return STREAM_CLOCK;
  default:
    return STREAM_EVENT;
  }
}

static enum stream_step chunk_end(struct stream *s)
{
  chunk_close(s);
  return chunk_find(s) ? STREAM_CLOCK : STREAM_END;
}

static enum stream_step chunk_damaged(struct stream *s)
{
  damage_record(s);
  return chunk_end(s);
}

static enum stream_step general_step(struct stream *s)
{
  struct vt_general g;
  const uint8_t *next;

  if (!*s->cur)
    return chunk_end(s);
  next = vt_take_general(s->cur, s->end, &g);
  if (!next && fill(s))
    next = vt_take_general(s->cur, s->end, &g);
  if (!next || !record_parse(&s->event, &g))
    return chunk_damaged(s);
  s->cur = next;
  return general_apply(s);
}

/* A hot record within the last bytes of a chunk. */
static enum stream_step last_step(struct stream *s)
{
  const uint8_t *fast_end = s->fast_end;

  if (!vt_hot_length(s->cur, s->end))
    return chunk_damaged(s);
  s->fast_end = s->end; /* the padding makes the whole word readable */
  stream_hot(s);
  s->fast_end = fast_end;
  return STREAM_EVENT;
}

enum stream_step stream_step(struct stream *s)
{
  if (!s->window) {
    if (s->next_chunk == s->last_chunk)
      return STREAM_END;
    if (!chunk_open(s))
      return chunk_end(s);
    if (s->chunk.lost) {
      event_of_loss(s);
      return STREAM_EVENT;
    }
  }
  if (s->cur >= s->fast_end)
    fill(s);
  if (s->cur == s->end)
    return chunk_end(s);
  if (stream_hot(s))
    return STREAM_EVENT;
  return (s->cur[0] & 3) == VT_K_GENERAL ? general_step(s) : last_step(s);
}

/* The place of the next time record from p on, or where the search had to stop: the window's or the data's end. */
static const uint8_t *clock_search(const struct stream *s, const uint8_t *p)
{
  struct vt_general g;

  while (p < s->end) {
    bool general = (*p & 3) == VT_K_GENERAL;
    const uint8_t *next = general ? vt_take_general(p, s->end, &g) : p + vt_hot_length(p, s->end);

    if (!next || next == p || *p == 0 || (general && g.type == VT_R_TIME))
      return p;
    p = next;
  }
  return s->end;
}

/* What the clock shows after the record at p; UINT64_MAX when that is no TIME. */
static uint64_t clock_after(const struct stream *s, const uint8_t *p, const uint8_t *end)
{
  struct vt_general g;
  uint64_t delta;

  if (p == end || *p != VT_R_TIME << 2 || !vt_take_general(p, end, &g) || !vt_take_fields(&g, 1, 1, &delta) ||
      delta > UINT64_MAX - s->clock)
    return UINT64_MAX;
  return s->clock + delta;
}

/* The first reading of the clock in the next chunk: in its header, or right behind it.  UINT64_MAX when there is none.
 */
static uint64_t clock_of_next_chunk(const struct stream *s)
{
  const struct chunk_place *next = s->next_chunk + 1;
  const struct trace_file *file = s->shared->file;
  struct vt_chunk_header h;
  uint8_t first[16] = {0};

  if (next >= s->last_chunk || !trace_file_chunk(file, next->offset, &h))
    return UINT64_MAX;
  if (h.start_ns > s->clock)
    return h.start_ns;
  if (h.packed || !trace_file_read(file, first, sizeof first, next->offset + sizeof h))
    return UINT64_MAX;
  return clock_after(s, first, first + sizeof first);
}

uint64_t stream_next_clock(struct stream *s)
{
  const uint8_t *at;

  if (s->clock_at && s->cur <= s->clock_at)
    return s->clock_ns;
  at = clock_search(s, s->cur);
  if (s->loaded < s->total && s->end - at < 16 && s->cur > s->window && fill(s))
    at = clock_search(s, s->cur);
  s->clock_at = at;
  s->clock_ns = clock_after(s, at, s->end);
  if (s->clock_ns == UINT64_MAX && s->loaded == s->total && !(at < s->end && *at == VT_R_TIME << 2))
    s->clock_ns = clock_of_next_chunk(s);
  return s->clock_ns;
}
