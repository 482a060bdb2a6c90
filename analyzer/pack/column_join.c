/*
 * Puts the records of one chunk together from its columns: the inner loop of
 * reading packed traces.  Trusts nothing: columns that end too early, too late or
 * yield too much are damage.  Called by columns.c.
 */
#include "pack/column_set.h"
#include "pack/columns.h"
#include "vmtrace/codec.h"

struct join {
  struct column_set *set;
  struct vt_codec codec;
  uint8_t *out, *end;
  bool failed;
};

static inline uint8_t take_byte(struct join *j, enum column_id id)
{
  struct column *c = &j->set->column[id];

  if (__builtin_expect(c->cur == c->end, 0)) {
    j->failed = true;
    return 0;
  }
  return *c->cur++;
}

static inline uint64_t take_number(struct join *j, enum column_id id)
{
  struct column *c = &j->set->column[id];
  const uint8_t *next;
  uint64_t v = 0;

  if (__builtin_expect(c->cur < c->end && *c->cur < 0x80, 1))
    return *c->cur++;
  next = vt_get_leb(c->cur, c->end, &v);
  if (!next) {
    j->failed = true;
    return 0;
  }
  c->cur = (uint8_t *)next;
  return v;
}

static inline uint64_t take_halves(struct join *j, enum column_id low, enum column_id high)
{
  uint64_t rest = take_number(j, high);

  return rest << 8 | take_byte(j, low);
}

/* Any record but one with a tail: there is room for it, or it was too much. */
static inline void put_general(struct join *j, enum vt_record_type type, unsigned n, const uint64_t *field)
{
  uint8_t record[VT_GENERAL_MAX(0)];
  size_t len = vt_pack_general(record, type, n, field, NULL, 0);

  if (len > (size_t)(j->end - j->out)) {
    j->failed = true;
    return;
  }
  memcpy(j->out, record, len);
  j->out += len;
}

static inline uint64_t join_free(struct join *j, unsigned *class)
{
  struct predictor *f = &j->set->predictor;
  unsigned code = take_byte(j, COL_FREE_CODE);
  uint64_t unit;

  if (code < FREE_DISTANCE)
    unit = predictor_free_guess(f, code);
  else if (code == FREE_DISTANCE)
    unit = predictor_born(f, f->freed + (uint32_t)vt_unzigzag(take_number(j, COL_FREE_DISTANCE))) & BORN_UNIT;
  else
    unit = f->prev + (uint64_t)vt_unzigzag(take_halves(j, COL_FREE_LOW, COL_FREE_HIGH));
  predictor_freed(f, unit, class);
  return unit;
}

/* Of a block that is not in place. */
static inline uint64_t join_alloc(struct join *j, uint64_t size, unsigned code)
{
  struct predictor *f = &j->set->predictor;
  unsigned class = predictor_class(size);
  uint64_t unit;

  if (code < ALLOC_DELTA)
    unit = predictor_alloc_guess(f, class, code);
  else
    unit = f->bins[class].last + (uint64_t)vt_unzigzag(take_number(j, COL_ALLOC));
  predictor_allocated(f, unit, class, code);
  return unit;
}

static inline uint32_t join_stack(struct join *j, uint32_t *size)
{
  struct predictor *f = &j->set->predictor;
  unsigned code = take_byte(j, COL_STACK_CODE);
  uint32_t stack;

  switch (code >> 1) {
  case STACK_AFTER_TWO:
    stack = predictor_two(f)->stack;
    *size = predictor_two(f)->size;
    break;
  case STACK_AFTER_ONE:
    stack = predictor_one(f)->stack;
    *size = *predictor_size(f, stack);
    break;
  case STACK_NEWEST:
    stack = f->newest;
    f->newest = 0;
    *size = *predictor_size(f, stack);
    break;
  default:
    stack = f->stack + (uint32_t)vt_unzigzag(take_number(j, COL_STACK));
    *size = *predictor_size(f, stack);
    break;
  }
  if (code & 1) {
    *size = take_byte(j, COL_SIZE_LOW);
    *size |= (uint32_t)(take_byte(j, COL_SIZE_HIGH) & 15) << 8;
  }
  predictor_stack(f, stack, *size);
  return stack;
}

/* Hot records are stored whole words at a time: up to VT_HOT_MAX bytes beyond the end are the caller's pad. */
static inline void join_hot_alloc(struct join *j)
{
  uint32_t size, stack = join_stack(j, &size);
  uint64_t unit = join_alloc(j, size, take_byte(j, COL_ALLOC_CODE));
  struct vt_hot hot;
  unsigned len;

  hot = vt_pack_alloc(&j->codec, unit, size, stack, &len);
  memcpy(j->out, &hot, sizeof hot);
  j->out += len;
}

static inline void join_hot_free(struct join *j)
{
  unsigned class, len;
  uint64_t unit = join_free(j, &class), word;

  predictor_reusable(&j->set->predictor, unit, class);
  word = vt_pack_free(&j->codec, unit, &len);
  memcpy(j->out, &word, sizeof word);
  j->out += len;
}

static void join_realloc(struct join *j)
{
  struct predictor *f = &j->set->predictor;
  uint64_t size = take_number(j, COL_REALLOC_SIZE);
  unsigned class, code;
  uint64_t old = join_free(j, &class), unit = old;

  code = take_byte(j, COL_ALLOC_CODE);
  if (code == ALLOC_IN_PLACE) {
    predictor_allocated(f, unit, predictor_class(size), ALLOC_IN_PLACE);
  } else {
    unit = join_alloc(j, size, code);
    predictor_reusable(f, old, class);
  }
  put_general(j, VT_R_REALLOC, 3, (uint64_t[]){vt_unfold(old << f->shift), vt_unfold(unit << f->shift), size});
}

static void join_node(struct join *j)
{
  struct node_state *node = &j->set->node;
  uint64_t *next = &node->next_pc[predictor_hash(node->pc, 12)], field[3];

  field[0] = node->id + 1 + (uint64_t)vt_unzigzag(take_number(j, COL_NODE));
  field[1] = field[0] - 1 - (uint64_t)vt_unzigzag(take_number(j, COL_NODE));
  field[2] = *next;
  if (take_byte(j, COL_NODE_CODE))
    field[2] = node->pc + (uint64_t)vt_unzigzag(take_number(j, COL_NODE_PC));
  *next = node->pc = field[2];
  node->id = j->set->predictor.newest = (uint32_t)field[0];
  put_general(j, VT_R_STACK_NODE, 3, field);
}

static void join_other(struct join *j, uint8_t op)
{
  uint64_t length = take_number(j, COL_LENGTH);
  struct column *bytes = &j->set->column[COL_BYTES];
  uint8_t head[11] = {op};
  size_t n = (size_t)(vt_put_leb(head + 1, length) - head);

  if (op & 3 || !op || length > (size_t)(bytes->end - bytes->cur) || n + length > (size_t)(j->end - j->out)) {
    j->failed = true;
    return;
  }
  memcpy(j->out, head, n);
  memcpy(j->out + n, bytes->cur, (size_t)length);
  j->out += n + length;
  bytes->cur += length;
}

static inline void join_record(struct join *j)
{
  uint8_t op = take_byte(j, COL_OP);

  switch (op) {
  case OP_ALLOC:
    join_hot_alloc(j);
    break;
  case OP_FREE:
    join_hot_free(j);
    break;
  case OP_REALLOC:
    join_realloc(j);
    break;
  case OP_STACK:
    j->set->stack_id += (uint64_t)vt_unzigzag(take_number(j, COL_STACK_ID));
    put_general(j, VT_R_STACK, 1, &j->set->stack_id);
    break;
  case OP_NODE:
    join_node(j);
    break;
  default:
    join_other(j, op);
    break;
  }
}

/* How many records come before the next TIME. */
static uint64_t next_gap(struct join *j)
{
  const struct column *c = &j->set->column[COL_CLOCK_GAP];

  return c->cur == c->end ? UINT64_MAX : take_number(j, COL_CLOCK_GAP);
}

static bool all_taken(const struct column_set *set)
{
  for (unsigned i = 0; i < COLUMNS; i++) {
    if (set->column[i].cur != set->column[i].end)
      return false;
  }
  return true;
}

bool column_join(struct column_set *set, uint8_t *raw, size_t raw_size)
{
  struct join j = {.set = set, .out = raw, .end = raw + raw_size};
  uint64_t gap = next_gap(&j);

  _Static_assert(COLUMNS_PAD >= VT_HOT_MAX, "a hot record may be stored at the last byte");
  while (j.out < j.end && !j.failed) {
    if (gap--) {
      join_record(&j);
    } else {
      uint64_t delta = take_halves(&j, COL_CLOCK_LOW, COL_CLOCK_HIGH);

      put_general(&j, VT_R_TIME, 1, &delta);
      gap = next_gap(&j);
    }
  }
  return !j.failed && j.out == j.end && all_taken(set);
}
