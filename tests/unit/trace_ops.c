/* See trace_ops.h. */
#include "trace_ops.h"

#include <check.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "must.h"
#include "trace/trace_fast.h"

enum { FREE, ALLOC, ALIGNED, REALLOC, MUNMAP, NAME };

struct op {
  int kind;
  uint64_t a, b, c;
  uint32_t stack;
};

static uint64_t next(struct ops *ops)
{
  uint64_t z = (ops->seed += 0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

/* An address: mostly of the heap, of any number of bits, sometimes no multiple of a unit. */
static uint64_t address(struct ops *ops)
{
  uint64_t r = next(ops);
  uint64_t addr = next(ops) >> (17 + r % 47);

  return r >> 60 ? addr & ~UINT64_C(15) : addr;
}

static struct op op_next(struct ops *ops)
{
  uint64_t r = next(ops);
  struct op op = {.a = address(ops)};

  /* Mostly the stack that came before, as in programs; sometimes one of a few, sometimes none, sometimes any. */
  op.stack = r >> 8 & 3 ? (uint32_t)(r >> 62) * 17 : r >> 10 & 1 ? 0 : (uint32_t)(r >> 20) >> (r >> 11 & 31);

  op.kind = r % 256 >= 6 ? (int)(r % 2) : (int)(r % 256);
  switch (op.kind) {
  case ALLOC:
    op.b = r >> 32 & (r >> 16 & 7 ? 4095 : 0xffffff);
    break;
  case ALIGNED:
    op.b = r >> 40;
    op.c = UINT64_C(1) << (4 + (r >> 16) % 20);
    break;
  case REALLOC:
    op.b = address(ops);
    op.c = r >> 30;
    break;
  case MUNMAP:
    op.b = r;
    break;
  case NAME:
    op.b = r >> 20 & 63 ? r >> 30 & 31 : (r >> 30) % (VT_TAIL_MAX + 1);
    break;
  default:
    break;
  }
  return op;
}

static const uint8_t *tail_bytes(void)
{
  static uint8_t bytes[VT_TAIL_MAX];

  if (!bytes[0])
    for (unsigned i = 0; i < sizeof bytes; i++)
      bytes[i] = (uint8_t)((i * 7 + 1) | 1);
  return bytes;
}

/* As entry/ does it: what the inline halves do not take goes to the slow ones. */
void ops_write(struct ops *ops, struct trace_writer *w)
{
  struct op op = op_next(ops);
  bool odd = op.a & 15;

  switch (op.kind) {
  case FREE:
    (odd ? trace_free_slow : trace_free)(w, op.a);
    break;
  case ALLOC:
    (odd ? trace_alloc_slow : trace_alloc)(w, op.a, op.b, op.stack);
    break;
  case ALIGNED:
    trace_alloc_aligned(w, op.a, op.b, op.c, op.stack);
    break;
  case REALLOC:
    trace_realloc(w, op.a, op.b, op.c, op.stack);
    break;
  case MUNMAP:
    trace_record_stack(w, VT_R_MUNMAP, 2, (const uint64_t[]){op.a, op.b}, op.stack);
    break;
  default:
    trace_record(w, VT_R_THREAD_NAME, 1, &op.a, tail_bytes(), op.b);
  }
}

/* FORMAT.md's numbers of the records. */
static const unsigned number_of[] = {[FREE] = 3, [ALLOC] = 2, [ALIGNED] = 2, [REALLOC] = 4, [MUNMAP] = 6, [NAME] = 17};

void ops_expect(struct ops *ops, const struct decoded_event *e)
{
  struct op op = op_next(ops);

  must(e->number == number_of[op.kind], "record %u in place of %u", e->number, number_of[op.kind]);
  must(e->field[0] == op.a, "address 0x%lx in place of 0x%lx", (unsigned long)e->field[0], (unsigned long)op.a);
  if (op.kind == NAME) {
    must(e->tail_len == op.b && memcmp(e->tail, tail_bytes(), op.b) == 0, "a tail of %zu bytes", e->tail_len);
    return;
  }
  must(e->stack == (op.kind == FREE ? 0 : op.stack), "stack %u in place of %u", e->stack, op.stack);
  if (op.kind != FREE)
    must(e->field[1] == op.b, "field 1 of record %u", e->number);
  if (op.kind == ALIGNED || op.kind == REALLOC)
    must(e->field[2] == op.c, "field 2 of record %u", e->number);
}

uint64_t ops_expect_stream(uint64_t seed, const struct decoded_stream *stream)
{
  struct ops ops = {seed};
  uint64_t seq = 0, time = 0;

  ck_assert_uint_gt(stream->count, 0);
  ck_assert_uint_eq(stream->event[0].number, VT_R_THREAD);
  for (size_t i = 1; i < stream->count; i++) {
    const struct decoded_event *e = &stream->event[i];

    if (e->number == VT_R_LOSS) {
      ck_assert_uint_eq(i, stream->count - 1);
      return i - 1;
    }
    ops_expect(&ops, e);
    must(e->seq == seq, "event %zu has number %lu", i, (unsigned long)e->seq);
    seq += e->number == 2 || e->number == 4;
    must(e->time >= time, "time goes back at event %zu", i);
    time = e->time;
  }
  return stream->count - 1;
}

bool trace_begin(const char *path_template, unsigned flags)
{
  struct trace_config config = {.path_template = path_template,
                                .flags = flags,
                                .addr_shift = flags & VT_F_EVERY_TIME ? 3 : TRACE_PIN_SHIFT,
                                .sample_ms = 100,
                                .stack_frames = 64,
                                .own_start = 1,
                                .own_end = 2,
                                .heap_start = 3,
                                .heap_end = 4};

  return trace_start(&config);
}

struct trace_writer *trace_first_writer(void)
{
  return trace_writer_open(VT_NO_THREAD, 0, (int)getpid(), VT_ROLE_PROGRAM);
}

int trace_number(void)
{
  struct rlimit limit;

  for (int fd = 0; fd < TRACE_NUMBERS; fd++)
    if (trace_owns_fd(fd)) {
      ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
      if (limit.rlim_cur <= (rlim_t)fd) {
        limit.rlim_cur = (rlim_t)fd + 1;
        limit.rlim_max = limit.rlim_max < limit.rlim_cur ? limit.rlim_cur : limit.rlim_max;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
      }
      return fd;
    }
  ck_abort_msg("the trace has no descriptor");
}
