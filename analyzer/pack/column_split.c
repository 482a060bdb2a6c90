/*
 * Takes the records of one chunk apart into columns.  Knows nothing of
 * compression and files.  Called by columns.c.
 */
#include <stdlib.h>

#include "pack/column_set.h"
#include "reader/xalloc.h"
#include "vmtrace/codec.h"

#define COLUMN_FIRST 4096u
#define COLUMN_SLACK 16u /* room that a put may take without asking again */

struct split {
  struct column_set *set;
  struct vt_codec codec;
  const uint8_t *cur, *end;
  uint64_t gap; /* records since the latest TIME */
};

static void column_grow(struct column *c, size_t more)
{
  size_t used = (size_t)(c->cur - c->data), room = (size_t)(c->end - c->data);

  room = room ? room * 2 : COLUMN_FIRST;
  while (room < used + more)
    room *= 2;
  c->data = xrealloc(c->data, room);
  c->cur = c->data + used;
  c->end = c->data + room;
}

/* Room for a byte or a number. */
static inline uint8_t *room_in(struct split *s, enum column_id id)
{
  struct column *c = &s->set->column[id];

  if (__builtin_expect((size_t)(c->end - c->cur) < COLUMN_SLACK, 0))
    column_grow(c, COLUMN_SLACK);
  return c->cur;
}

static inline void put_byte(struct split *s, enum column_id id, uint64_t byte)
{
  uint8_t *at = room_in(s, id);

  *at = (uint8_t)byte;
  s->set->column[id].cur = at + 1;
}

static inline void put_number(struct split *s, enum column_id id, uint64_t v)
{
  s->set->column[id].cur = vt_put_leb(room_in(s, id), v);
}

static void put_bytes(struct split *s, enum column_id id, const uint8_t *bytes, size_t n)
{
  struct column *c = &s->set->column[id];

  if ((size_t)(c->end - c->cur) < n)
    column_grow(c, n);
  memcpy(c->cur, bytes, n);
  c->cur += n;
}

/* A number's low byte and the rest apart: the low byte is noise, the rest seldom is. */
static inline void put_halves(struct split *s, enum column_id low, enum column_id high, uint64_t v)
{
  put_byte(s, low, v);
  put_number(s, high, v >> 8);
}

/* The block at unit is freed; its class, or BINS. */
static unsigned split_free(struct split *s, uint64_t unit)
{
  struct predictor *f = &s->set->predictor;
  uint64_t prev = f->prev;
  uint32_t birth;
  unsigned code = FREE_LATEST, class;

  while (code < FREE_DISTANCE && predictor_free_guess(f, code) != unit)
    code++;
  if (code == FREE_DISTANCE) {
    birth = predictor_where(f, unit);
    if ((predictor_born(f, birth) & BORN_UNIT) == unit && birth)
      put_number(s, COL_FREE_DISTANCE, vt_zigzag((int32_t)(birth - f->freed)));
    else
      code = FREE_ADDRESS;
  }
  if (code == FREE_ADDRESS)
    put_halves(s, COL_FREE_LOW, COL_FREE_HIGH, vt_zigzag((int64_t)(unit - prev)));
  put_byte(s, COL_FREE_CODE, code);
  predictor_freed(f, unit, &class);
  return class;
}

static void split_alloc(struct split *s, uint64_t unit, uint64_t size)
{
  struct predictor *f = &s->set->predictor;
  unsigned class = predictor_class(size), code = ALLOC_REUSE;

  while (code < ALLOC_DELTA && predictor_alloc_guess(f, class, code) != unit)
    code++;
  if (code == ALLOC_DELTA)
    put_number(s, COL_ALLOC, vt_zigzag((int64_t)(unit - f->bins[class].last)));
  put_byte(s, COL_ALLOC_CODE, code);
  predictor_allocated(f, unit, class, code);
}

static void split_stack(struct split *s, uint32_t stack, uint32_t size)
{
  struct predictor *f = &s->set->predictor;
  unsigned code = STACK_DELTA;
  uint32_t guess;

  if (predictor_two(f)->stack == stack)
    code = STACK_AFTER_TWO;
  else if (predictor_one(f)->stack == stack)
    code = STACK_AFTER_ONE;
  else if (f->newest == stack)
    code = STACK_NEWEST;
  else
    put_number(s, COL_STACK, vt_zigzag((int64_t)stack - (int64_t)f->stack));
  if (code == STACK_NEWEST)
    f->newest = 0;
  guess = code == STACK_AFTER_TWO ? predictor_two(f)->size : *predictor_size(f, stack);
  if (guess != size) {
    put_byte(s, COL_SIZE_LOW, size);
    put_byte(s, COL_SIZE_HIGH, size >> 8);
  }
  put_byte(s, COL_STACK_CODE, 2 * code + (guess != size));
  predictor_stack(f, stack, size);
}

/* Whether the record, which ends at end, is as vt_pack_alloc or vt_pack_free writes it. */
static bool as_packed(const struct vt_hot_record *r, const uint8_t *end)
{
  if (vt_word_bytes(r->word & ~(uint64_t)0x1c) != r->word_length)
    return false;
  if ((r->word & 3) != VT_K_ALLOC_STACK)
    return true;
  return r->difference && end[-1] && vt_zigzag((int64_t)r->stack - (int64_t)r->guess) == r->difference;
}

/* A hot record; false when writing it again would give other bytes. */
static bool split_hot(struct split *s)
{
  struct vt_hot_record r;

  s->cur = vt_take_hot_within(&s->codec, s->cur, s->end, &r);
  if (!s->cur || !as_packed(&r, s->cur))
    return false;
  if ((r.word & 3) == VT_K_FREE) {
    put_byte(s, COL_OP, OP_FREE);
    predictor_reusable(&s->set->predictor, r.unit, split_free(s, r.unit));
    return true;
  }
  put_byte(s, COL_OP, OP_ALLOC);
  split_stack(s, r.stack, r.size);
  split_alloc(s, r.unit, r.size);
  return true;
}

/* Whether addr can be told in units, folded. */
static bool has_unit(const struct split *s, uint64_t addr)
{
  return addr < VT_FOLD_END && !(addr & ((UINT64_C(1) << s->set->predictor.shift) - 1));
}

static void split_realloc(struct split *s, const uint64_t *field)
{
  struct predictor *f = &s->set->predictor;
  uint64_t old = vt_fold(field[0]) >> f->shift, unit = vt_fold(field[1]) >> f->shift;
  unsigned class;

  put_byte(s, COL_OP, OP_REALLOC);
  put_number(s, COL_REALLOC_SIZE, field[2]);
  class = split_free(s, old);
  if (old == unit) {
    put_byte(s, COL_ALLOC_CODE, ALLOC_IN_PLACE);
    predictor_allocated(f, unit, predictor_class(field[2]), ALLOC_IN_PLACE);
  } else {
    split_alloc(s, unit, field[2]);
    predictor_reusable(f, old, class);
  }
}

static void split_node(struct split *s, const uint64_t *field)
{
  struct node_state *node = &s->set->node;
  uint64_t *next = &node->next_pc[predictor_hash(node->pc, 12)];

  put_byte(s, COL_OP, OP_NODE);
  put_number(s, COL_NODE, vt_zigzag((int64_t)(field[0] - node->id - 1)));
  put_number(s, COL_NODE, vt_zigzag((int64_t)(field[0] - 1 - field[1])));
  put_byte(s, COL_NODE_CODE, *next != field[2]);
  if (*next != field[2])
    put_number(s, COL_NODE_PC, vt_zigzag((int64_t)(field[2] - node->pc)));
  *next = node->pc = field[2];
  node->id = s->set->predictor.newest = (uint32_t)field[0];
}

/* The n fields of the record of len bytes at p, if they are all that is in it and packed as codec.h packs them. */
static bool plain_fields(const uint8_t *p, size_t len, const struct vt_general *record, unsigned n, uint64_t *field)
{
  uint8_t again[VT_GENERAL_MAX(0)];

  return len <= sizeof again && vt_take_fields(record, n, n, field) == p + len &&
         vt_pack_general(again, record->type, n, field, NULL, 0) == len && !memcmp(p, again, len);
}

/* The records that have columns of their own; false: it has none. */
static bool split_known(struct split *s, const uint8_t *p, size_t len, const struct vt_general *record)
{
  uint64_t field[VT_FIELDS_MAX];

  switch (record->type) {
  case VT_R_TIME:
    if (!plain_fields(p, len, record, 1, field))
      return false;
    put_number(s, COL_CLOCK_GAP, s->gap);
    put_halves(s, COL_CLOCK_LOW, COL_CLOCK_HIGH, field[0]);
    s->gap = (uint64_t)-1; /* it does not count itself */
    return true;
  case VT_R_STACK:
    if (!plain_fields(p, len, record, 1, field))
      return false;
    put_byte(s, COL_OP, OP_STACK);
    put_number(s, COL_STACK_ID, vt_zigzag((int64_t)(field[0] - s->set->stack_id)));
    s->set->stack_id = field[0];
    return true;
  case VT_R_REALLOC:
    if (!plain_fields(p, len, record, 3, field) || !has_unit(s, field[0]) || !has_unit(s, field[1]))
      return false;
    split_realloc(s, field);
    return true;
  case VT_R_STACK_NODE:
    if (!plain_fields(p, len, record, 3, field) || field[0] > UINT32_MAX)
      return false;
    split_node(s, field);
    return true;
  default:
    return false;
  }
}

/* A general record; false when its length is written longer than it need be, which would not come back. */
static bool split_general(struct split *s)
{
  const uint8_t *p = s->cur;
  struct vt_general record;

  s->cur = vt_take_general(p, s->end, &record);
  if (!*p || !s->cur || (record.payload[-1] == 0 && record.payload > p + 2))
    return false;
  if (split_known(s, p, (size_t)(s->cur - p), &record))
    return true;
  put_byte(s, COL_OP, *p);
  put_number(s, COL_LENGTH, record.length);
  put_bytes(s, COL_BYTES, record.payload, record.length);
  return true;
}

bool column_split(struct column_set *set, const uint8_t *raw, size_t raw_size)
{
  struct split s = {.set = set, .cur = raw, .end = raw + raw_size};

  for (; s.cur < s.end; s.gap++) {
    if (!((*s.cur & 3) == VT_K_GENERAL ? split_general(&s) : split_hot(&s)))
      return false;
  }
  return true;
}
