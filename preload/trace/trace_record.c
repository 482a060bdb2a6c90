/*
 * Writing records: the slow halves of trace_fast.h, and all general records.
 * Called by entry/ and the sampler's sink, at most once at a time per writer.
 *
 * The clock.  At a high rate of events reading it every time would cost more
 * than all the rest, so one reading serves up to PACE_MAX bytes of records;
 * once events come less often than about one per microsecond, each has its own.
 * In between, pace doubles with every run of events that was fast.  A thread that
 * pauses in the middle of a run is put right by the sampler's next tick; without ticks runs are short.
 * Large blocks have a time of their own, so that what threads hold at the same time is not mistaken.
 */
#include <string.h>

#include "base/sys.h"
#include "trace/trace_clock.h"
#include "trace/trace_fast.h"
#include "trace/trace_state.h"

#define EVENT_BYTES 5u
#define PACE_MAX 144u       /* about 32 events */
#define PACE_TICKLESS 24u   /* about 5 */
#define PACE_MIN 8u         /* one or two */
#define GAP_NS_PER_BYTE 220 /* 1 us between events of 4.5 bytes */

uint64_t trace_tick;

static uint64_t call_at = UINT64_MAX;
static void (*call)(void);

void trace_set_caller(void (*fn)(void))
{
  call = fn;
}

void trace_call_at(uint64_t when_ns)
{
  __atomic_store_n(&call_at, when_ns, __ATOMIC_RELEASE);
}

static void call_now_slow(uint64_t when)
{
  if (__atomic_compare_exchange_n(&call_at, &when, UINT64_MAX, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED) && call)
    call();
}

/* User space ends below VT_FOLD_END, but for 5-level paging. */
static bool is_hot(uint64_t addr)
{
  return addr < VT_FOLD_END && !(addr & ((UINT64_C(1) << trace_state->shift) - 1));
}

/* Looks at the tick before the clock: whoever counts it up afterwards ends what shares this reading.  While a mark is
 * being set every event is read a time for. */
static void look_at_tick(struct trace_writer *w)
{
  uint64_t tick = __atomic_load_n(&trace_tick, __ATOMIC_ACQUIRE);

  w->tick = tick % TRACE_TICK ? UINT64_MAX : tick;
}

/* The time of the record that follows.  There is room for TIME_ROOM. */
static void put_time_of(struct trace_writer *w, uint64_t now)
{
  uint64_t delta = now > w->time_ns ? now - w->time_ns : 0;
  uint64_t bytes = (uint64_t)(w->cur - w->clock_at);
  uint32_t most = trace_state->ticks ? PACE_MAX : PACE_TICKLESS;
  uint64_t when = __atomic_load_n(&call_at, __ATOMIC_ACQUIRE);

  if (unlikely(now >= when) && !w->foreign)
    call_now_slow(when);
  if (trace_state->every_time || delta > (bytes + EVENT_BYTES) * GAP_NS_PER_BYTE)
    w->pace = 0;
  else
    w->pace = w->pace == 0 ? PACE_MIN : w->pace * 2 < most ? w->pace * 2 : most;
  if (!delta)
    return;
  w->time_ns += delta;
  w->cur += vt_pack_general(w->cur, VT_R_TIME, 1, &delta, NULL, 0);
}

/* Reads the clock and writes how far it went. */
static void put_time(struct trace_writer *w)
{
  look_at_tick(w);
  put_time_of(w, trace_now());
}

/* After a record that followed a reading of the clock: when the next reading is due. */
static void rearm(struct trace_writer *w)
{
  uint8_t *end = w->cur + w->pace;

  w->clock_at = w->cur;
  w->end = end + HOT_ROOM <= w->limit ? end : w->cur;
}

static void put_general(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields)
{
  w->cur += vt_pack_general(w->cur, type, n, fields, NULL, 0);
}

/* General records take their call stack from the latest STACK record.  There is room for STACK_ROOM. */
static void put_stack(struct trace_writer *w, uint32_t stack)
{
  const uint64_t id = stack;

  if (w->stack == stack)
    return;
  w->stack = stack;
  put_general(w, VT_R_STACK, 1, &id);
}

void trace_alloc_slow(struct trace_writer *w, uint64_t addr, uint64_t size, uint32_t stack)
{
  trace_alloc_aligned(w, addr, size, 0, stack);
}

void trace_alloc_aligned(struct trace_writer *w, uint64_t addr, uint64_t size, uint64_t align, uint32_t stack)
{
  const uint64_t fields[] = {addr, size, align};
  bool due;

  w = writer_ready(w, &stack);
  if (!w || !writer_room(w, TIME_ROOM + STACK_ROOM + VT_GENERAL_MAX(0), VT_R_ALLOC))
    return;
  due = trace_is_due(w) || size >= VT_HOT_SIZE_LIMIT;
  if (due)
    put_time(w);
  if (align == 0 && size < VT_HOT_SIZE_LIMIT && is_hot(addr)) {
    unsigned len;
    struct vt_hot hot = vt_pack_alloc(&w->codec, vt_fold(addr) >> trace_state->shift, (uint32_t)size, stack, &len);

    trace_put_hot(w, hot, len);
  } else {
    put_stack(w, stack);
    put_general(w, VT_R_ALLOC, 3, fields);
  }
  w->allocs++;
  if (due)
    rearm(w);
}

void trace_free_slow(struct trace_writer *w, uint64_t addr)
{
  uint32_t stack = VT_STACK_NONE;
  bool due;

  w = writer_ready(w, &stack);
  if (!w || !writer_room(w, TIME_ROOM + STACK_ROOM + VT_GENERAL_MAX(0), VT_R_FREE))
    return;
  due = trace_is_due(w);
  if (due)
    put_time(w);
  if (is_hot(addr)) {
    unsigned len;
    uint64_t word = vt_pack_free(&w->codec, vt_fold(addr) >> trace_state->shift, &len);

    trace_put_word(w, word, len);
  } else {
    put_general(w, VT_R_FREE, 1, &addr);
  }
  if (due)
    rearm(w);
}

void trace_realloc(struct trace_writer *w, uint64_t old, uint64_t addr, uint64_t size, uint32_t stack)
{
  const uint64_t fields[] = {old, addr, size};
  bool due;

  w = writer_ready(w, &stack);
  if (!w || !writer_room(w, TIME_ROOM + STACK_ROOM + VT_GENERAL_MAX(0), VT_R_REALLOC))
    return;
  due = trace_is_due(w) || size >= VT_HOT_SIZE_LIMIT;
  if (due)
    put_time(w);
  put_stack(w, stack);
  put_general(w, VT_R_REALLOC, 3, fields);
  w->allocs++;
  if (due)
    rearm(w);
}

void trace_record(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields,
                  const void *tail, size_t tail_len)
{
  uint32_t stack = VT_STACK_NONE;

  if (tail_len > VT_TAIL_MAX)
    tail_len = VT_TAIL_MAX;
  w = writer_ready(w, &stack);
  if (!w || !writer_room(w, TIME_ROOM + VT_GENERAL_MAX(tail_len), type))
    return;
  put_time(w);
  w->cur += vt_pack_general(w->cur, type, n, fields, tail, tail_len);
  rearm(w);
}

void trace_record_stack(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields,
                        uint32_t stack)
{
  w = writer_ready(w, &stack);
  if (!w || !writer_room(w, TIME_ROOM + STACK_ROOM + VT_GENERAL_MAX(0), type))
    return;
  put_time(w);
  put_stack(w, stack);
  put_general(w, type, n, fields);
  rearm(w);
}

/* See README.md, "A mark is one instant", for why each step is where it is. */
void trace_instant(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields,
                   const void *tail, size_t tail_len)
{
  uint32_t stack = VT_STACK_NONE;
  uint64_t mask, now;

  if (tail_len > VT_TAIL_MAX)
    tail_len = VT_TAIL_MAX;
  w = writer_ready(w, &stack);
  if (!w || !writer_room(w, TIME_ROOM + VT_GENERAL_MAX(tail_len), type))
    return;
  mask = sys_block_signals();
  __atomic_add_fetch(&trace_tick, 1, __ATOMIC_SEQ_CST);
  now = trace_now();
  put_time_of(w, now);
  w->cur += vt_pack_general(w->cur, type, n, fields, tail, tail_len);
  rearm(w);
  trace_clock_due(w);
  while (trace_now() <= now)
    ;
  __atomic_add_fetch(&trace_tick, TRACE_TICK - 1, __ATOMIC_SEQ_CST);
  sys_restore_signals(mask);
}
