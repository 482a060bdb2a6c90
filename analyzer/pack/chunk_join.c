/*
 * Joins the chunks of a stream.  Reads no file and does not compress.  Called
 * by pack_file.c.
 */
#include "pack/chunk_join.h"

#include <stdlib.h>

#include "reader/xalloc.h"

/* A stream's first large chunk is small: opening a trace reads the first record of every stream, and a packed chunk is
 * unpacked as a whole. */
#define FIRST_MOST 8192u

/* What one record takes at most, and the STACK or TIME record that may have to come before it. */
#define RECORD_MORE 64u

void chunk_join_init(struct chunk_join *j, size_t most, chunk_join_sink *sink, void *arg)
{
  *j = (struct chunk_join){.most = most, .sink = sink, .arg = arg};
  j->raw = xmalloc(most);
}

void chunk_join_release(struct chunk_join *j)
{
  free(j->raw);
  j->raw = NULL;
}

void chunk_join_start(struct chunk_join *j, uint32_t thread)
{
  j->header = (struct vt_chunk_header){.thread = thread};
  j->clock = j->allocs = 0;
  j->open = false;
}

static int end_chunk(struct chunk_join *j)
{
  if (!j->open)
    return 0;
  j->open = false;
  if (j->sink(j->arg, &j->header, j->raw, j->used) < 0)
    return -1;
  j->header.number++;
  j->header.lost = 0;
  return 0;
}

static void begin_chunk(struct chunk_join *j)
{
  j->header.start_ns = j->clock;
  j->header.allocs = j->allocs;
  j->used = 0;
  j->stack = VT_STACK_NONE;
  memset(&j->codec, 0, sizeof j->codec);
  j->open = true;
}

/* Room for a record of n bytes, in a new chunk if need be. */
static int make_room(struct chunk_join *j, size_t n)
{
  size_t most = j->header.number ? j->most : FIRST_MOST;

  if (j->open && j->used && j->used + n + RECORD_MORE > most && end_chunk(j) < 0)
    return -1;
  if (!j->open)
    begin_chunk(j);
  return 0;
}

static void put_number(struct chunk_join *j, enum vt_record_type type, uint64_t v)
{
  j->used += vt_pack_general(j->raw + j->used, type, 1, &v, NULL, 0);
}

static void put_alloc(struct chunk_join *j, uint64_t unit, uint32_t size, uint32_t stack)
{
  unsigned len;
  struct vt_hot hot = vt_pack_alloc(&j->codec, unit, size, stack, &len);

  memcpy(j->raw + j->used, &hot, sizeof hot);
  j->used += len;
  j->allocs++;
}

static void put_free(struct chunk_join *j, uint64_t unit)
{
  unsigned len;
  uint64_t word = vt_pack_free(&j->codec, unit, &len);

  memcpy(j->raw + j->used, &word, sizeof word);
  j->used += len;
}

struct source {
  const uint8_t *cur, *end;
  struct vt_codec codec;
  uint32_t stack;
};

static enum chunk_join_result add_hot(struct chunk_join *j, struct source *s)
{
  struct vt_hot_record r;

  s->cur = vt_take_hot_within(&s->codec, s->cur, s->end, &r);
  if (!s->cur)
    return CHUNK_DAMAGED;
  if (make_room(j, VT_HOT_MAX) < 0)
    return CHUNK_STOPPED;
  if ((r.word & 3) == VT_K_FREE)
    put_free(j, r.unit);
  else
    put_alloc(j, r.unit, r.size, r.stack);
  return CHUNK_JOINED;
}

/* What a record means to the stream; false: it need not be kept. */
static bool apply(struct chunk_join *j, struct source *s, const struct vt_general *record)
{
  uint64_t v = 0;

  j->allocs += (vt_record_traits(record->type) & VT_T_NUMBERED) != 0;
  switch (record->type) {
  case VT_R_TIME:
    if (vt_take_fields(record, 1, 1, &v) && v <= UINT64_MAX - j->clock)
      j->clock += v;
    return true;
  case VT_R_STACK:
    if (vt_take_fields(record, 1, 1, &v))
      s->stack = (uint32_t)v;
    return false;
  default:
    return true;
  }
}

static enum chunk_join_result add_general(struct chunk_join *j, struct source *s)
{
  const uint8_t *start = s->cur;
  struct vt_general record;
  size_t n;

  _Static_assert(VT_PAYLOAD_MAX + 2 * RECORD_MORE <= CHUNK_JOIN_LEAST, "any record fits into a chunk");
  s->cur = vt_take_general(start, s->end, &record);
  if (!s->cur)
    return CHUNK_DAMAGED;
  n = (size_t)(s->cur - start);
  if (make_room(j, n) < 0)
    return CHUNK_STOPPED;
  if (!apply(j, s, &record))
    return CHUNK_JOINED;
  if (vt_record_traits(record.type) & VT_T_STACK && j->stack != s->stack) {
    j->stack = s->stack;
    put_number(j, VT_R_STACK, s->stack);
  }
  memcpy(j->raw + j->used, start, n);
  j->used += n;
  return CHUNK_JOINED;
}

/* The chunk's own word on the clock, the count of allocations and losses. */
static int apply_header(struct chunk_join *j, const struct vt_chunk_header *h)
{
  uint64_t later = h->start_ns > j->clock ? h->start_ns - j->clock : 0;

  if ((h->lost || h->allocs != j->allocs) && end_chunk(j) < 0)
    return -1;
  j->allocs = h->allocs;
  if (h->lost) {
    j->header.lost = h->lost;
    j->clock += later;
    begin_chunk(j);
  } else if (later && j->open) {
    if (make_room(j, 0) < 0)
      return -1;
    if (j->used)
      put_number(j, VT_R_TIME, later);
    else
      j->header.start_ns += later;
    j->clock += later;
  } else {
    j->clock += later;
  }
  return 0;
}

enum chunk_join_result chunk_join_add(struct chunk_join *j, const struct vt_chunk_header *header, const uint8_t *data,
                                      size_t n)
{
  struct source s = {.cur = data, .end = data + n};
  enum chunk_join_result result = CHUNK_JOINED;

  if (apply_header(j, header) < 0)
    return CHUNK_STOPPED;
  while (result == CHUNK_JOINED && s.cur < s.end && *s.cur)
    result = (*s.cur & 3) == VT_K_GENERAL ? add_general(j, &s) : add_hot(j, &s);
  return result;
}

int chunk_join_finish(struct chunk_join *j)
{
  return end_chunk(j);
}
