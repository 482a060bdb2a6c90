/*
 * Random but possible traces: one imaginary program is run event by event,
 * and each event goes to the stream of the thread that made it.  The true
 * time advances with every event; a thread's stream learns of it only now and
 * then, and when it releases a block of another thread.
 */
#include <stdlib.h>
#include <string.h>

#include "trace_maker.h"

#define SLOTS 512

struct program {
  struct trace_maker *maker;
  const struct maker_shape *shape;
  uint64_t random, now;
  unsigned threads;
  struct maker_stream *thread[MAKER_STREAMS];
  unsigned children[MAKER_STREAMS], until_clock[MAKER_STREAMS];
  uint64_t slot[SLOTS];  /* live blocks, 0: none */
  unsigned owner[SLOTS]; /* the threads that allocated them */
  uint64_t next_addr;
  /* Addresses that were released, to be taken again.  As in the pinned heap by the thread that released them: with a
   * coarse clock the order of a reuse by anybody could not be told from the trace. */
  struct {
    uint64_t addr[64];
    unsigned n;
  } reuse[MAKER_STREAMS];
};

static unsigned pick(struct program *p, unsigned n)
{
  p->random = p->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(p->random >> 33) % n;
}

static void clock_if_due(struct program *p, unsigned t, bool now)
{
  if (p->until_clock[t]-- && !now)
    return;
  p->until_clock[t] = p->shape->grain ? pick(p, p->shape->grain) : 0;
  maker_time(p->thread[t], p->now);
}

static void start_thread(struct program *p)
{
  unsigned t = p->threads++, parent = t ? pick(p, t) : 0;
  struct maker_stream *s = maker_bare(p->maker, t + (p->shape->sampler ? 1 : 0));
  uint32_t of = t ? p->thread[parent]->thread : VT_NO_THREAD;

  s->time_ns = p->now;
  MAKE(s, THREAD, of, t ? ++p->children[parent] : 0, 4711 + t, VT_ROLE_PROGRAM);
  p->thread[t] = s;
}

/* When every event has its own time, all threads share one pool. */
static unsigned pool_of(const struct program *p, unsigned t)
{
  return p->shape->grain ? t : 0;
}

static uint64_t take_address(struct program *p, unsigned t, uint64_t size)
{
  unsigned pool = pool_of(p, t);
  uint64_t addr = p->next_addr;

  if (p->reuse[pool].n && pick(p, 4))
    return p->reuse[pool].addr[--p->reuse[pool].n];
  p->next_addr += (size + 31) & ~UINT64_C(15);
  return addr;
}

static void release_address(struct program *p, unsigned t, uint64_t addr)
{
  unsigned pool = pool_of(p, t);

  if (p->reuse[pool].n < sizeof p->reuse[pool].addr / sizeof *p->reuse[pool].addr)
    p->reuse[pool].addr[p->reuse[pool].n++] = addr;
}

static uint64_t random_size(struct program *p)
{
  return pick(p, 50) ? pick(p, 1u << (1 + pick(p, 11))) : pick(p, 1u << 18);
}

static void heap_event(struct program *p, unsigned t)
{
  struct maker_stream *s = p->thread[t];
  unsigned i = pick(p, SLOTS);
  uint64_t *slot = &p->slot[i], size = random_size(p), old = *slot;

  clock_if_due(p, t, old && p->owner[i] != t);
  p->owner[i] = t;
  if (!old) {
    *slot = take_address(p, t, size);
    maker_alloc(s, *slot, size);
  } else if (pick(p, 10)) {
    maker_free(s, old);
    release_address(p, t, old);
    *slot = 0;
  } else {
    *slot = pick(p, 2) ? old : take_address(p, t, size);
    maker_realloc(s, old, *slot, size);
    if (*slot != old)
      release_address(p, t, old);
  }
}

/* Records that the maker or the sampler's stream must get right: the clock, blocks, whose stream it is, losses,
 * samples. */
static bool may_hold_anything(uint32_t type)
{
  static const uint64_t others =
      UINT64_C(1) << VT_CLASS_CLOCK | UINT64_C(1) << VT_CLASS_BLOCK | UINT64_C(1) << VT_CLASS_SAMPLE;

  return !(others >> vt_record_class(type) & 1) && type != VT_R_THREAD && type != VT_R_LOSS;
}

/* A record of any kind, with whatever fields: the reader has to take them all. */
static void other_event(struct program *p, unsigned t)
{
  uint64_t fields[VT_FIELDS_MAX];
  uint32_t type;

  clock_if_due(p, t, false);
  for (unsigned i = 0; i < VT_FIELDS_MAX; i++)
    fields[i] = pick(p, 2) ? pick(p, 1000) : (uint64_t)pick(p, 1u << 31) << 12;
  do
    type = 1 + pick(p, VT_R_LIMIT - 1);
  while (!may_hold_anything(type));
  maker_record(p->thread[t], type, VT_FIELDS_MAX, fields, "a name", pick(p, 7));
}

static void sample(struct program *p, struct maker_stream *s, uint64_t number)
{
  uint64_t addr = UINT64_C(0x200000) + (uint64_t)pick(p, 64) * 4096, frame = 1000 + pick(p, 1u << 20);
  uint64_t frames[3] = {frame, frame + 7, frame + 99};
  uint64_t runs[] = {addr, 3, VT_PG_PRESENT};

  maker_time(s, p->now);
  MAKE(s, SAMPLE, number ? VT_SAMPLE_TICK : VT_SAMPLE_START, VT_SAMPLE_PFN, number);
  if (!number) {
    uint64_t vma[] = {0x200000, 0x200000, VT_VMA_R | VT_VMA_W, 0, 0, 0};

    maker_record(s, VT_R_VMA, 6, vma, "[heap]", 6);
  }
  MAKE(s, PAGES, addr + 16 * 4096, 2, VT_PG_PRESENT, frame);
  maker_record(s, VT_R_PFNS, 3, runs, frames, sizeof frames);
  MAKE(s, VALUE, 0x200000, VT_VALUE_INT, number);
  MAKE(s, RESIDENT, 100 + number, 7, 3);
  MAKE(s, SAMPLE_END, number, 5, 1000);
}

void maker_random(const char *path, const struct maker_shape *shape)
{
  struct program *p = calloc(1, sizeof *p);
  struct maker_stream *sampler = NULL;
  uint64_t samples = 0;

  if (!p)
    abort();
  p->maker = maker_new(path);
  p->maker->packed = shape->packed;
  p->shape = shape;
  p->random = shape->seed * 2654435761u + 1;
  p->now = p->maker->header.start_ns;
  p->next_addr = 0x200000;
  if (shape->sampler)
    sampler = maker_stream(p->maker, VT_NO_THREAD, 0, VT_ROLE_SAMPLER);
  start_thread(p);
  for (unsigned i = 0; i < shape->events; i++) {
    p->now += 1 + pick(p, 100);
    if (p->threads < shape->threads && !pick(p, shape->events / shape->threads / 4 + 1))
      start_thread(p);
    if (pick(p, 40))
      heap_event(p, pick(p, p->threads));
    else
      other_event(p, pick(p, p->threads));
    if (sampler && i % 1000 == 0)
      sample(p, sampler, samples++);
  }
  maker_finish(p->maker);
  free(p);
}
