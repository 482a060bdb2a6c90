/*
 * A second reader of trace files; see trace_decode.h.  Follows FORMAT.md
 * section by section and knows nothing else.
 */
#include "trace_decode.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

#define BLOCK 4096u
#define CHUNK_HEADER 56u
#define STREAMS_MAX 20000u

static uint64_t little_endian(const uint8_t *p, unsigned bytes)
{
  uint64_t v = 0;

  for (unsigned i = 0; i < bytes; i++)
    v |= (uint64_t)p[i] << (8 * i);
  return v;
}

uint64_t decoded_u64(const struct decoded *d, size_t offset)
{
  return little_endian(d->bytes + offset, 8);
}

uint32_t decoded_u32(const struct decoded *d, size_t offset)
{
  return (uint32_t)little_endian(d->bytes + offset, 4);
}

/* Section 3: is there a chunk at p? */
static bool is_chunk(const uint8_t *p, size_t avail)
{
  uint32_t hash = 2166136261u;
  uint32_t size;

  if (avail < CHUNK_HEADER || memcmp(p, "VMCK", 4) != 0)
    return false;
  for (unsigned i = 0; i < CHUNK_HEADER; i++)
    hash = (hash ^ (i >= 4 && i < 8 ? 0 : p[i])) * 16777619u;
  size = (uint32_t)little_endian(p + 8, 4);
  return hash == little_endian(p + 4, 4) && size && size % BLOCK == 0 && size <= 1048576;
}

struct chunk {
  size_t offset;
  uint32_t thread, number;
};

static int chunk_order(const void *a, const void *b)
{
  const struct chunk *x = a, *y = b;

  if (x->thread != y->thread)
    return x->thread < y->thread ? -1 : 1;
  if (x->number != y->number)
    return x->number < y->number ? -1 : 1;
  return x->offset < y->offset ? -1 : 1;
}

static int64_t unzigzag(uint64_t v)
{
  return v & 1 ? -(int64_t)(v / 2) - 1 : (int64_t)(v / 2);
}

static unsigned significant_bits(uint64_t v)
{
  unsigned n = 0;

  for (; v; v >>= 1)
    n++;
  return n;
}

struct state {
  const uint8_t *p, *end;
  uint64_t clock, seq, prev, last[13];
  uint32_t stack, hot_stack, usual[256], exception[256][2]; /* situation, stack */
  unsigned shift;
};

static uint64_t leb(struct state *s, const uint8_t *end)
{
  uint64_t v = 0;

  for (unsigned shift = 0; shift < 70; shift += 7) {
    uint8_t byte;

    must(s->p < end, "a number runs past the end");
    byte = *s->p++;
    v |= (uint64_t)(byte & 127) << shift;
    if (byte < 128)
      return v;
  }
  ck_abort_msg("a number of more than ten bytes");
}

static struct decoded_event *event_add(struct decoded_stream *stream)
{
  struct decoded_event *e;

  if (stream->count == stream->room) {
    stream->room = stream->room ? stream->room * 2 : 256;
    stream->event = realloc(stream->event, stream->room * sizeof *stream->event);
  }
  e = &stream->event[stream->count++];
  memset(e, 0, sizeof *e);
  return e;
}

/* Section 4.1. */
static uint64_t unfold(uint64_t f)
{
  const uint64_t low = 0x400000, high = 0x100000000000, end = 0x800000000000;

  if (f < low)
    return f;
  return f < end - high + low ? f + high - low : f - (end - high);
}

static uint32_t hot_stack(struct state *s, uint32_t size, bool given)
{
  uint32_t hash = s->hot_stack * 0x9e3779b1u, situation = hash + size * 0x85ebca6bu;
  uint32_t *exception = s->exception[situation >> 24], *usual = &s->usual[hash >> 24];
  bool known = exception[0] == situation;
  uint32_t guess = known ? exception[1] : *usual;

  s->hot_stack = guess;
  if (!given)
    return guess;
  s->hot_stack += (uint32_t)unzigzag(leb(s, s->end));
  if (s->hot_stack != guess) {
    if (!known)
      *usual = s->hot_stack;
    exception[0] = situation;
    exception[1] = s->hot_stack;
  }
  return s->hot_stack;
}

static void hot_record(struct state *s, struct decoded_event *e)
{
  unsigned kind = s->p[0] & 3, length = (s->p[0] >> 2 & 7) + 1u;
  uint64_t word;

  must(length <= (size_t)(s->end - s->p), "a hot record runs past the chunk");
  word = little_endian(s->p, length);
  s->p += length;
  e->hot = length;
  e->seq = s->seq;
  if (kind == 2) {
    s->prev += (uint64_t)unzigzag(word >> 5);
    e->number = 3;
    e->fields = 1;
  } else {
    unsigned size = word >> 5 & 4095, k = significant_bits(size);

    s->last[k] += (uint64_t)unzigzag(word >> 17);
    s->prev = s->last[k];
    e->number = 2;
    e->fields = 3;
    e->field[1] = size;
    e->stack = hot_stack(s, size, kind == 3);
    s->seq++;
  }
  e->field[0] = unfold(s->prev << s->shift);
}

/* Numeric fields of each record, and whether it has a tail: the table of section 4.2. */
static const struct {
  unsigned fields;
  bool tail;
} shape[64] = {[1] = {1, 0},  [2] = {3, 0},  [3] = {1, 0},  [4] = {3, 0},  [5] = {6, 0},  [6] = {2, 0},  [7] = {5, 0},
               [8] = {3, 0},  [9] = {3, 0},  [10] = {2, 0}, [11] = {3, 0}, [12] = {1, 0}, [13] = {2, 1}, [14] = {2, 0},
               [15] = {4, 0}, [16] = {1, 0}, [17] = {1, 1}, [18] = {1, 0}, [19] = {1, 0}, [20] = {0, 1}, [21] = {1, 0},
               [22] = {1, 1}, [23] = {2, 0}, [24] = {1, 0}, [25] = {2, 0}, [26] = {2, 0}, [27] = {2, 0}, [28] = {3, 0},
               [29] = {4, 0}, [30] = {3, 1}, [31] = {3, 0}, [32] = {6, 1}, [33] = {2, 0}, [34] = {3, 0}, [35] = {1, 0},
               [36] = {3, 0}, [37] = {6, 0}, [38] = {0, 1}, [39] = {1, 1}, [40] = {3, 0}};

static void general_record(struct state *s, struct decoded_event *e)
{
  unsigned number = *s->p++ >> 2;
  uint64_t length = leb(s, s->end);
  const uint8_t *end = s->p + length;

  must(length <= (size_t)(s->end - s->p), "a general record runs past the chunk");
  must(shape[number].fields || shape[number].tail, "record number %u", number);
  e->number = number;
  e->fields = shape[number].fields;
  e->seq = s->seq;
  for (unsigned i = 0; i < e->fields; i++)
    e->field[i] = leb(s, end);
  e->tail = s->p;
  e->tail_len = (size_t)(end - s->p);
  must(shape[number].tail || !e->tail_len, "record %u has a tail", number);
  s->p = end;
  s->seq += number == 2 || number == 4;
  if (number == 35)
    s->stack = (uint32_t)e->field[0];
  if (number == 2 || (number >= 4 && number <= 12))
    e->stack = s->stack;
}

static void chunk_decode(const struct decoded *d, struct decoded_stream *stream, size_t offset)
{
  const uint8_t *header = d->bytes + offset;
  size_t size = little_endian(header + 8, 4);
  struct state s = {.p = header + CHUNK_HEADER, .shift = decoded_u32(d, 20)};

  must(little_endian(header + 16, 4) == stream->chunks, "chunk %u of a stream where %u is due",
       (unsigned)little_endian(header + 16, 4), stream->chunks);
  stream->chunks++;
  s.end = header + (size < d->size - offset ? size : d->size - offset);
  s.clock = little_endian(header + 24, 8);
  s.seq = little_endian(header + 32, 8);
  while (s.p < s.end && *s.p) {
    struct decoded_event *e = event_add(stream);

    if (*s.p & 3)
      hot_record(&s, e);
    else
      general_record(&s, e);
    if (e->number == 1)
      s.clock += e->field[0];
    if (e->number == 1 || e->number == 35)
      stream->count--;
    e->time = s.clock;
  }
}

static void read_file(struct decoded *d, const char *path)
{
  FILE *f = fopen(path, "rb");
  size_t n;

  must(f != NULL, "%s cannot be opened", path);
  fseek(f, 0, SEEK_END);
  d->size = (size_t)ftell(f);
  rewind(f);
  d->bytes = malloc(d->size + 1);
  n = fread(d->bytes, 1, d->size, f);
  ck_assert_uint_eq(n, d->size);
  fclose(f);
}

void decode(struct decoded *d, const char *path)
{
  struct chunk *chunks;
  size_t count = 0;

  memset(d, 0, sizeof *d);
  read_file(d, path);
  ck_assert_uint_ge(d->size, 8192);
  ck_assert_int_eq(memcmp(d->bytes, "VMTRACE\n", 8), 0);
  ck_assert_uint_eq(decoded_u32(d, 8), 2);
  must(decoded_u64(d, 160) <= d->size, "shorter than the header says");

  chunks = malloc((d->size / BLOCK + 1) * sizeof *chunks);
  for (size_t at = decoded_u32(d, 12); at < d->size;) {
    const uint8_t *p = d->bytes + at;

    if (!is_chunk(p, d->size - at)) {
      at += BLOCK;
      continue;
    }
    chunks[count++] = (struct chunk){at, (uint32_t)little_endian(p + 12, 4), (uint32_t)little_endian(p + 16, 4)};
    at += little_endian(p + 8, 4);
  }
  qsort(chunks, count, sizeof *chunks, chunk_order);
  d->streams = count ? chunks[count - 1].thread + 1 : 0;
  ck_assert_uint_le(d->streams, STREAMS_MAX);
  d->stream = calloc(d->streams + 1, sizeof *d->stream);
  for (size_t i = 0; i < count; i++) {
    if (i && chunks[i].thread == chunks[i - 1].thread && chunks[i].number == chunks[i - 1].number)
      d->copies++;
    else
      chunk_decode(d, &d->stream[chunks[i].thread], chunks[i].offset);
  }
  free(chunks);
}

void decoded_release(struct decoded *d)
{
  for (unsigned i = 0; i < d->streams; i++)
    free(d->stream[i].event);
  free(d->stream);
  free(d->bytes);
}
