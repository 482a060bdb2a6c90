/*
 * The ways in which mutate changes traces.  The same seed makes the same
 * change.
 */
#include "mutation.h"

#include <string.h>

#include "vmtrace/format.h"

static uint64_t next(uint64_t *random)
{
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return *random * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t pick(uint64_t *random, size_t n)
{
  return n ? (size_t)(next(random) >> 11) % n : 0;
}

/* Numbers at which something may break. */
static uint64_t odd_number(uint64_t *random)
{
  static const uint64_t numbers[] = {0,
                                     1,
                                     7,
                                     8,
                                     56,
                                     4095,
                                     4096,
                                     8192,
                                     65535,
                                     1u << 20,
                                     (1u << 20) + 1,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     UINT64_C(1) << 32,
                                     UINT64_C(1) << 47,
                                     UINT64_C(1) << 63,
                                     UINT64_MAX};

  return pick(random, 3) ? numbers[pick(random, sizeof numbers / sizeof *numbers)] : next(random);
}

static void flip_bits(struct image *image, uint64_t *random)
{
  for (size_t n = 1 + pick(random, 8); n && image->size; n--)
    image->bytes[pick(random, image->size)] ^= (uint8_t)(1u << pick(random, 8));
}

static void set_bytes(struct image *image, uint64_t *random)
{
  static const uint8_t values[] = {0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff, 0x68, 0x74};

  for (size_t n = 1 + pick(random, 8); n && image->size; n--)
    image->bytes[pick(random, image->size)] = values[pick(random, sizeof values)];
}

static void garbage(struct image *image, uint64_t *random)
{
  size_t at = pick(random, image->size), n = 1 + pick(random, 300);

  for (; n && at < image->size; n--)
    image->bytes[at++] = (uint8_t)next(random);
}

static void cut(struct image *image, uint64_t *random)
{
  image->size = pick(random, image->size + 1);
}

/* The places of blocks where chunks may start. */
static size_t block(const struct image *image, uint64_t *random)
{
  return pick(random, image->size / VT_CHUNK_ALIGN) * VT_CHUNK_ALIGN;
}

static void swap_blocks(struct image *image, uint64_t *random)
{
  uint8_t saved[VT_CHUNK_ALIGN];
  size_t a, b;

  if (image->size < VT_CHUNK_ALIGN)
    return;
  a = block(image, random);
  b = block(image, random);
  memcpy(saved, image->bytes + a, sizeof saved);
  memmove(image->bytes + a, image->bytes + b, sizeof saved);
  memcpy(image->bytes + b, saved, sizeof saved);
}

static void repeat_blocks(struct image *image, uint64_t *random)
{
  size_t from, n;

  if (image->size < VT_CHUNK_ALIGN)
    return;
  from = block(image, random);
  n = (1 + pick(random, 4)) * VT_CHUNK_ALIGN;
  if (n > image->size - from)
    n = image->size - from;
  if (n > image->room - image->size)
    return;
  memmove(image->bytes + image->size, image->bytes + from, n);
  image->size += n;
}

static void put_leb(uint8_t **p, uint64_t v)
{
  for (; v >= 0x80; v >>= 7)
    *(*p)++ = (uint8_t)(v | 0x80);
  *(*p)++ = (uint8_t)v;
}

/* Records that hold as such and claim anything, at the start of a chunk: more pages, addresses or events than there can
 * be. */
static void claims(struct image *image, uint64_t *random)
{
  size_t at = block(image, random) + sizeof(struct vt_chunk_header);

  for (size_t n = 1 + pick(random, 20); n && at + 128 < image->size; n--) {
    uint8_t payload[VT_FIELDS_MAX * 10 + 16], *end = payload;

    for (size_t fields = pick(random, VT_FIELDS_MAX + 1); fields; fields--)
      put_leb(&end, odd_number(random));
    for (size_t tail = pick(random, 8); tail; tail--)
      *end++ = (uint8_t)next(random);
    image->bytes[at++] = (uint8_t)((1 + pick(random, VT_R_LIMIT - 1)) << 2);
    image->bytes[at++] = (uint8_t)(end - payload);
    memcpy(image->bytes + at, payload, (size_t)(end - payload));
    at += (size_t)(end - payload);
  }
}

static void file_header(struct image *image, uint64_t *random)
{
  size_t at = pick(random, offsetof(struct vt_file_header, host) / 4) * 4;
  uint64_t v = odd_number(random);

  if (pick(random, 8) == 0)
    at = offsetof(struct vt_file_header, cmdline_len);
  if (at + 4 <= image->size)
    memcpy(image->bytes + at, &v, 4);
}

/* A field of a chunk's header, which stays valid: what only a writer gone wrong would make. */
static void chunk_header(struct image *image, uint64_t *random)
{
  struct vt_chunk_header h;
  size_t chunks[512], n = 0, at;
  uint64_t v = odd_number(random);

  for (at = 0; at + sizeof h <= image->size && n < 512; at += VT_CHUNK_ALIGN) {
    memcpy(&h, image->bytes + at, sizeof h);
    if (h.magic == VT_CHUNK_MAGIC)
      chunks[n++] = at;
  }
  if (!n)
    return;
  at = chunks[pick(random, n)];
  memcpy(&h, image->bytes + at, sizeof h);
  memcpy((uint8_t *)&h + 8 + pick(random, (sizeof h - 8) / 4) * 4, &v, 4);
  if (pick(random, 2))
    h.size &= ~(VT_CHUNK_ALIGN - 1);
  h.check = vt_chunk_check(&h);
  memcpy(image->bytes + at, &h, sizeof h);
}

/* What looks like a general record gets another type, length or field. */
static void record(struct image *image, uint64_t *random)
{
  size_t at = pick(random, image->size), end = at + 4096 < image->size ? at + 4096 : image->size;

  for (; at + 12 < end; at++) {
    uint8_t *p = image->bytes + at;
    size_t i;

    if (p[0] & 3 || !p[0] || p[0] >> 2 > 40 || p[1] > 60 || p[1] == 0)
      continue;
    i = pick(random, 6);
    p[i] = i == 0 ? (uint8_t)(pick(random, 64) << 2) : (uint8_t)next(random);
    if (pick(random, 2))
      return;
  }
}

void mutate_image(struct image *image, uint64_t seed)
{
  static void (*const ways[])(struct image *, uint64_t *) = {
      flip_bits,    set_bytes,    garbage, cut,    swap_blocks, repeat_blocks, file_header,
      chunk_header, chunk_header, record,  record, claims,      claims};
  uint64_t random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
  size_t n;

  next(&random);
  for (n = 1 + pick(&random, 3); n; n--)
    ways[pick(&random, sizeof ways / sizeof *ways)](image, &random);
}
