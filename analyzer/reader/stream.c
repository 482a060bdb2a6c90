/*
 * Opens the chunks of a stream one after the other and decodes what
 * stream_hot leaves.  A window is held only between a chunk's first record
 * and its last, so that many streams cost memory only while they run side by side.
 * Called by merge.c and track.c; order between streams is not known here.
 */
#include "reader/stream.h"

#include <stdlib.h>

#include "reader/record.h"
#include "reader/unpack.h"
#include "reader/xalloc.h"

#define WINDOW_PAD UNPACK_PAD /* zeros behind the contents: they read as the end of the data */

/* No payload is longer, with some room for fields that later versions add: what claims to be is damage, wherever the
 * window stands. */
#define PAYLOAD_MAX (VT_FIELDS_MAX * 10 + VT_TAIL_MAX + 256)

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

/* The payload of the general record at p, which is len bytes long; NULL when it does not end within the window. */
static const uint8_t *general_payload(const struct stream *s, const uint8_t *p, size_t *len)
{
  uint64_t n;

  p = vt_get_leb(p + 1, s->end, &n);
  if (!p || n > PAYLOAD_MAX || n > (uint64_t)(s->end - p))
    return NULL;
  *len = (size_t)n;
  return p;
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
  uint32_t type = s->cur[0] >> 2;
  const uint8_t *payload;
  size_t len;

  if (!type)
    return chunk_end(s);
  payload = general_payload(s, s->cur, &len);
  if (!payload && fill(s))
    payload = general_payload(s, s->cur, &len);
  if (!payload || !record_parse(&s->event, type, payload, len))
    return chunk_damaged(s);
  s->cur = payload + len;
  return general_apply(s);
}

/* The length of the hot record at p, with the number behind the word if there is one; 0 when it does not end before
 * end. */
static size_t hot_length(const uint8_t *p, const uint8_t *end)
{
  size_t len = (size_t)(p[0] >> 2 & 7) + 1;

  if ((p[0] & 3) == VT_K_ALLOC_STACK) {
    while (len < (size_t)(end - p) && len < VT_HOT_MAX && p[len] & 0x80)
      len++;
    len++;
  }
  return len <= (size_t)(end - p) ? len : 0;
}

/* A hot record within the last bytes of a chunk. */
static enum stream_step last_step(struct stream *s)
{
  const uint8_t *fast_end = s->fast_end;

  if (!hot_length(s->cur, s->end))
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
  while (p < s->end) {
    if ((*p & 3) != VT_K_GENERAL) {
      size_t len = hot_length(p, s->end);

      if (!len)
        return p;
      p += len;
    } else {
      size_t len;
      const uint8_t *payload = general_payload(s, p, &len);

      if (*p >> 2 == VT_R_TIME || *p == 0 || !payload)
        return p;
      p = payload + len;
    }
  }
  return s->end;
}

/* The first reading of the clock in the next chunk: in its header, or right behind it.  UINT64_MAX when there is none.
 */
static uint64_t clock_of_next_chunk(const struct stream *s)
{
  const struct chunk_place *next = s->next_chunk + 1;
  const struct trace_file *file = s->shared->file;
  struct vt_chunk_header h;
  uint8_t first[16] = {0};
  uint64_t len, delta = 0;
  const uint8_t *p;

  if (next >= s->last_chunk || !trace_file_chunk(file, next->offset, &h))
    return UINT64_MAX;
  if (h.start_ns > s->clock)
    return h.start_ns;
  if (h.packed || !trace_file_read(file, first, sizeof first, next->offset + sizeof h) || first[0] != VT_R_TIME << 2)
    return UINT64_MAX;
  p = vt_get_leb(first + 1, first + sizeof first, &len);
  if (p)
    p = vt_get_leb(p, first + sizeof first, &delta);
  return p && delta <= UINT64_MAX - s->clock ? s->clock + delta : UINT64_MAX;
}

uint64_t stream_next_clock(struct stream *s)
{
  const uint8_t *at;
  uint64_t delta;

  if (s->clock_at && s->cur <= s->clock_at)
    return s->clock_ns;
  at = clock_search(s, s->cur);
  if (s->loaded < s->total && s->end - at < 16 && s->cur > s->window && fill(s))
    at = clock_search(s, s->cur);
  s->clock_at = at;
  s->clock_ns = UINT64_MAX;
  if (at < s->end && *at >> 2 == VT_R_TIME && (*at & 3) == VT_K_GENERAL) {
    size_t len;
    const uint8_t *payload = general_payload(s, at, &len);

    if (payload && vt_get_leb(payload, payload + len, &delta) && delta <= UINT64_MAX - s->clock)
      s->clock_ns = s->clock + delta;
  } else if (s->loaded == s->total) {
    s->clock_ns = clock_of_next_chunk(s);
  }
  return s->clock_ns;
}
