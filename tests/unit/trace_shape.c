/*
 * Makes traces of several shapes.  See trace_shape.h; called by check_pack.c
 * and check_columns.c.
 */
#include "trace_shape.h"

#include <stdlib.h>

#include "capture.h"
#include "trace_maker.h"

uint32_t shape_random(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

#define SLOTS 256

struct worker {
  struct maker_stream *s;
  uint64_t slot[SLOTS], next;
  uint32_t nodes;
};

static void work_event(struct worker *w, const struct shape *shape, unsigned i, uint32_t *state)
{
  uint64_t *slot = &w->slot[shape->wild ? shape_random(state) % SLOTS : i % SLOTS];
  uint32_t stack = 16 + (shape->wild ? shape_random(state) % 5000 : i % 37);
  uint64_t size = shape->wild ? shape_random(state) % 5000 : 16 + stack * 8;

  if (i % 16 == 0)
    maker_time(w->s, w->s->time_ns + 100 + shape_random(state) % 1000);
  if (i % 500 == 0) {
    w->nodes++;
    MAKE(w->s, STACK_NODE, 16 + w->nodes, w->nodes > 1 ? 15 + w->nodes : VT_STACK_COMPLETE,
         UINT64_C(0x7f0000001000) + shape_random(state) % 4096);
  }
  if (i % 701 == 0)
    maker_record(w->s, VT_R_MARK, 0, NULL, "a mark", i % 7);
  if (!*slot) {
    *slot = w->next;
    w->next += (size + 31) & ~UINT64_C(15);
    maker_alloc_stack(w->s, *slot, size, stack);
  } else if (i % 29 == 0) {
    uint64_t moved = i % 2 ? w->next : *slot;

    MAKE(w->s, STACK, stack);
    maker_realloc(w->s, *slot, moved, size + 40);
    *slot = moved;
    w->next += 8192;
  } else {
    maker_free(w->s, *slot);
    if (i % 3)
      w->next = *slot;
    *slot = 0;
  }
}

const char *shape_trace(const struct shape *shape)
{
  const char *path = temp_path("made.vmt");
  struct trace_maker *m = maker_new(path);
  struct worker *w = calloc(shape->streams, sizeof *w);
  uint32_t state = 7;

  m->header.addr_shift = shape->shift;
  for (unsigned t = 0; t < shape->streams; t++) {
    w[t].s = maker_stream(m, t ? 0 : VT_NO_THREAD, t, VT_ROLE_PROGRAM);
    w[t].s->chunk_size = 65536;
    w[t].next = t ? UINT64_C(0x100000000000) + ((uint64_t)t << 32) : 0x200000;
  }
  for (unsigned i = 0; i < shape->events; i++)
    work_event(&w[i % shape->streams], shape, i / shape->streams, &state);
  maker_finish(m);
  free(w);
  return path;
}

const struct shape shapes[SHAPES] = {
    {.streams = 1, .events = 600000, .shift = 4}, {.streams = 1, .events = 200000, .shift = 3, .wild = true},
    {.streams = 3, .events = 200000, .shift = 4}, {.streams = 100, .events = 200000, .shift = 4},
    {.streams = 1, .events = 0, .shift = 4},
};
