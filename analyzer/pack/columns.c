/*
 * A packed chunk as bytes: the list of its columns' lengths, then each column,
 * compressed where that makes it shorter.  What records are is known in
 * column_split.c and column_join.c.  Called by pack_file.c, and by the reader through unpack.h.
 */
#include "pack/columns.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "pack/column_set.h"
#include "reader/xalloc.h"
#include "vmtrace/codec.h"

/* The columns of a chunk hold at most so many times the bytes of its records, and COLUMNS_MORE: what claims more is
 * damage, what needs more is packed as it is. */
#define COLUMNS_TIMES 4
#define COLUMNS_MORE 1024u

#define LENGTHS_MAX (COLUMNS * 2 * 10)

struct columns {
  struct column_set set;
  unsigned shift;
  struct column own[COLUMNS]; /* of splitting, kept from chunk to chunk */
  uint8_t *joined;            /* contents of all columns, when joining */
  size_t joined_room;
  ZSTD_CCtx *packer;
  ZSTD_DCtx *unpacker;
};

struct columns *columns_new(unsigned shift)
{
  struct columns *c = xcalloc(1, sizeof *c);

  c->shift = shift;
  c->unpacker = ZSTD_createDCtx();
  if (!c->unpacker)
    xalloc_failed();
  predictor_init(&c->set.predictor);
  return c;
}

/* What zstd returned, unless it says that it had no memory. */
static size_t zstd_checked(size_t result)
{
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
    xalloc_failed();
  return result;
}

void columns_free(struct columns *c)
{
  if (!c)
    return;
  for (unsigned i = 0; i < COLUMNS; i++)
    free(c->own[i].data);
  free(c->joined);
  predictor_release(&c->set.predictor);
  ZSTD_freeCCtx(c->packer);
  ZSTD_freeDCtx(c->unpacker);
  free(c);
}

size_t columns_bound(size_t raw_size)
{
  size_t all = COLUMNS_TIMES * raw_size + COLUMNS_MORE;

  return LENGTHS_MAX + all + ZSTD_compressBound(raw_size);
}

static void set_start(struct columns *c, size_t raw_size)
{
  predictor_start(&c->set.predictor, (uint32_t)raw_size, c->shift);
  memset(&c->set.node, 0, sizeof c->set.node);
  c->set.stack_id = 0;
}

/* One column at out, which has room for it as it is.  The bytes that it takes. */
static size_t pack_column(struct columns *c, const struct column *column, int level, uint8_t *out)
{
  size_t n = (size_t)(column->cur - column->data), packed;

  if (!n)
    return 0;
  packed = zstd_checked(ZSTD_compressCCtx(c->packer, out, n - 1, column->data, n, level));
  if (!ZSTD_isError(packed))
    return packed;
  memcpy(out, column->data, n);
  return n;
}

static bool split(struct columns *c, const uint8_t *raw, size_t raw_size)
{
  size_t all = 0;
  bool whole;

  set_start(c, raw_size);
  for (unsigned i = 0; i < COLUMNS; i++) {
    c->set.column[i] = c->own[i];
    c->set.column[i].cur = c->own[i].data;
  }
  whole = column_split(&c->set, raw, raw_size);
  for (unsigned i = 0; i < COLUMNS; i++) {
    c->own[i] = c->set.column[i];
    all += (size_t)(c->own[i].cur - c->own[i].data);
  }
  return whole && all <= COLUMNS_TIMES * raw_size + COLUMNS_MORE;
}

static size_t pack_plain(struct columns *c, const uint8_t *raw, size_t raw_size, int level, uint8_t *out,
                         uint32_t *form)
{
  size_t n = zstd_checked(ZSTD_compressCCtx(c->packer, out, ZSTD_compressBound(raw_size), raw, raw_size, level));

  *form = VT_PACKED_ZSTD;
  return ZSTD_isError(n) ? 0 : n;
}

size_t columns_pack(struct columns *c, const uint8_t *raw, size_t raw_size, int level, uint8_t *out, uint32_t *form)
{
  uint8_t lengths[LENGTHS_MAX], *end = lengths;
  uint8_t *data = out + LENGTHS_MAX, *at = data;

  if (!c->packer)
    c->packer = ZSTD_createCCtx();
  if (!c->packer)
    xalloc_failed();
  if (!split(c, raw, raw_size))
    return pack_plain(c, raw, raw_size, level, out, form);
  *form = VT_PACKED_COLUMNS;
  for (unsigned i = 0; i < COLUMNS; i++) {
    size_t n = pack_column(c, &c->own[i], level, at);

    end = vt_put_leb(end, (uint64_t)(c->own[i].cur - c->own[i].data));
    end = vt_put_leb(end, n);
    at += n;
  }
  if ((size_t)(end - lengths) + (size_t)(at - data) >= raw_size)
    return pack_plain(c, raw, raw_size, level, out, form);
  memcpy(out, lengths, (size_t)(end - lengths));
  memmove(out + (end - lengths), data, (size_t)(at - data));
  return (size_t)(end - lengths) + (size_t)(at - data);
}

struct lengths {
  uint64_t full[COLUMNS], packed[COLUMNS];
};

/* Where the first column begins; NULL when the lengths do not fit together. */
static const uint8_t *read_lengths(struct lengths *l, const uint8_t *p, const uint8_t *end, size_t raw_size)
{
  uint64_t left = COLUMNS_TIMES * (uint64_t)raw_size + COLUMNS_MORE, packed = 0;

  for (unsigned i = 0; i < COLUMNS; i++) {
    p = vt_get_leb(p, end, &l->full[i]);
    if (p)
      p = vt_get_leb(p, end, &l->packed[i]);
    if (!p || l->full[i] > left || l->packed[i] > l->full[i])
      return NULL;
    left -= l->full[i];
    packed += l->packed[i];
  }
  return packed == (uint64_t)(end - p) ? p : NULL;
}

static void joined_reserve(struct columns *c, size_t n)
{
  if (n <= c->joined_room)
    return;
  free(c->joined);
  c->joined = xmalloc(n);
  c->joined_room = n;
}

static bool unpack_columns(struct columns *c, const uint8_t *p, size_t n, uint8_t *raw, size_t raw_size)
{
  const uint8_t *end = p + n;
  struct lengths l;
  uint8_t *at;

  p = read_lengths(&l, p, end, raw_size);
  if (!p)
    return false;
  joined_reserve(c, COLUMNS_TIMES * raw_size + COLUMNS_MORE);
  at = c->joined;
  for (unsigned i = 0; i < COLUMNS; i++) {
    size_t full = (size_t)l.full[i], packed = (size_t)l.packed[i];

    if (packed == full)
      memcpy(at, p, full);
    else if (zstd_checked(ZSTD_decompressDCtx(c->unpacker, at, full, p, packed)) != full)
      return false;
    c->set.column[i] = (struct column){.data = at, .cur = at, .end = at + full};
    p += packed;
    at += full;
  }
  set_start(c, raw_size);
  return column_join(&c->set, raw, raw_size);
}

bool columns_unpack(struct columns *c, uint32_t form, const uint8_t *packed, size_t n, uint8_t *raw, size_t raw_size)
{
  switch (form) {
  case VT_PACKED_ZSTD:
    return zstd_checked(ZSTD_decompressDCtx(c->unpacker, raw, raw_size, packed, n)) == raw_size;
  case VT_PACKED_COLUMNS:
    return unpack_columns(c, packed, n, raw, raw_size);
  default:
    return false;
  }
}

static void *unpack_begin(unsigned shift)
{
  return columns_new(shift);
}

static void unpack_end(void *state)
{
  columns_free(state);
}

static bool unpack_chunk(void *state, uint32_t form, const uint8_t *packed, size_t n, uint8_t *raw, size_t raw_size)
{
  return columns_unpack(state, form, packed, n, raw, raw_size);
}

void columns_serve_reader(void)
{
  static const struct unpack operations = {.begin = unpack_begin, .end = unpack_end, .chunk = unpack_chunk};

  unpack_with(&operations);
}
