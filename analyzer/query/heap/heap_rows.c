/*
 * The numbers of one call stack of a process as a row for the report.  See
 * heap_rows.h.  Called by query/heap/call_tree.c.
 */
#include "query/heap/heap_rows.h"

#include <string.h>

static void counts_row(const struct heap_count *run, const struct heap_count *then, enum heap_scope scope,
                       struct heap_row *row)
{
  const struct heap_count *c = scope == HEAP_WHOLE_RUN ? run : then;

  row->v[HEAP_ALLOCATIONS] = (int64_t)c->allocations;
  row->v[HEAP_FREES] = (int64_t)c->frees;
  row->v[HEAP_REQUESTED] = (int64_t)c->requested;
  row->v[HEAP_PEAK] = (int64_t)c->peak;
  row->v[HEAP_TEMPORARY] = (int64_t)c->temporary;
  row->v[HEAP_AT_PEAK] = (int64_t)run->at_peak;
  row->v[HEAP_LEAKED_BLOCKS] = (int64_t)c->live_blocks;
  row->v[HEAP_LEAKED] = (int64_t)c->live;
  row->v[HEAP_LIVE] = (int64_t)then->live;
  row->v[HEAP_LIVE_BLOCKS] = (int64_t)then->live_blocks;
}

static void residence_row(const struct heap_residence *r, struct heap_row *row)
{
  row->v[HEAP_RESIDENT] = (int64_t)r->resident;
  row->v[HEAP_PRIVATE] = (int64_t)r->private_;
  row->v[HEAP_SHARED] = (int64_t)(r->shared >> RESIDENT_FRACTION);
  row->v[HEAP_SLACK] = (int64_t)(r->slack >> RESIDENT_FRACTION);
  row->v[HEAP_UNTOUCHED] = (int64_t)r->untouched;
  row->v[HEAP_SWAPPED] = (int64_t)r->swapped;
  row->v[HEAP_INHERITED] = (int64_t)r->inherited;
  row->v[HEAP_UNDIVIDED] = (int64_t)r->undivided;
  row->v[HEAP_HUGETLB] = (int64_t)r->hugetlb;
  row->v[HEAP_MAPPED] = (int64_t)r->mapped;
  row->v[HEAP_MAPPED_RESIDENT] = (int64_t)r->mapped_there;
}

uint32_t heap_process_stack(const struct heap_process *p, uint32_t id)
{
  uint32_t a = id_table_next(&p->counts->stacks, id), b = id_table_next(&p->residence.stacks, id);

  return a < b ? a : b;
}

void heap_process_row(const struct heap_process *p, enum heap_scope scope, uint32_t id, struct heap_row *row)
{
  static const struct heap_count none;
  const struct heap_count *run = id_table_get(&p->counts->stacks, id), *then = id_table_get(&p->then->stacks, id);
  const struct heap_residence *residence = id_table_get(&p->residence.stacks, id);

  memset(row, 0, sizeof *row);
  counts_row(run ? run : &none, then ? then : &none, scope, row);
  if (residence)
    residence_row(residence, row);
}

void heap_process_totals(const struct heap_process *p, enum heap_scope scope, struct heap_row *row)
{
  memset(row, 0, sizeof *row);
  counts_row(&p->counts->total, &p->then->total, scope, row);
  residence_row(&p->residence.total, row);
  row->v[HEAP_SLACK] = (int64_t)p->residence.slack;
}
