/*
 * Run encoding of changed pages, see runs.h.  Calls nothing but the sink's
 * pages and pfns.  Called by walk.c.
 */
#include "frames/runs.h"

#include <stdbool.h>

#include "frames/sampler.h"

/* A shorter progression inside scattered frames stays in the list: a record of its own costs as much as this many
 * frames. */
#define PROGRESSION_MIN 4

void runs_begin(struct runs *runs, const struct sampler_sink *sink)
{
  runs->sink = sink;
  runs->list_count = 0;
  runs->count = 0;
}

static void put_list(struct runs *runs)
{
  if (runs->list_count == 1)
    runs->sink->pages(runs->list_addr, 1, runs->state, runs->list[0]);
  else if (runs->list_count)
    runs->sink->pfns(runs->list_addr, runs->list_count, runs->state, runs->list);
  runs->list_count = 0;
}

/* The progression is over: it goes to the sink by itself or to the end of the list. */
static void close_progression(struct runs *runs, bool last)
{
  if (runs->count == 0)
    return;
  if (runs->count >= PROGRESSION_MIN || runs->step == 0 || (last && runs->list_count == 0)) {
    put_list(runs);
    runs->sink->pages(runs->addr, runs->count, runs->state, runs->pfn);
    runs->count = 0;
    return;
  }
  if (runs->list_count + runs->count > RUNS_LIST_MAX)
    put_list(runs);
  if (runs->list_count == 0)
    runs->list_addr = runs->addr;
  for (uint64_t i = 0; i < runs->count; i++)
    runs->list[runs->list_count++] = runs->pfn + i;
  runs->count = 0;
}

void runs_flush(struct runs *runs)
{
  close_progression(runs, true);
  put_list(runs);
}

void runs_add(struct runs *runs, uint64_t addr, uint64_t entry)
{
  uint64_t pfn = entry_pfn(entry);
  unsigned state = entry_state(entry);
  uint64_t step = pfn ? 1 : 0; /* hidden numbers, swapped and absent pages: all 0 */
  bool follows = runs->count && state == runs->state && addr == runs->addr + runs->count * FRAME_SIZE;

  if (follows && step == runs->step && pfn == runs->pfn + runs->count * step) {
    runs->count++;
    return;
  }
  if (follows)
    close_progression(runs, false);
  else
    runs_flush(runs);
  runs->state = state;
  runs->addr = addr;
  runs->count = 1;
  runs->pfn = pfn;
  runs->step = step;
}
