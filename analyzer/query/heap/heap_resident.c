/*
 * Residence per call stack.  See heap_resident.h.  Called by
 * query/heap/heap_process.c once per process, when its moment has come.
 *
 * First all live blocks mark how many bytes they have on each page, then each
 * gets its share of the rest of its pages.  The two walks take the blocks in any order.
 */
#include "query/heap/heap_resident.h"

#include <string.h>

#include "query/heap/heap_rest.h"
#include "reader/xalloc.h"
#include "track/stack_nodes.h"

struct joining {
  struct heap_residences *out;
  struct heap_pages *pages;
  uint32_t page_shift;
  uint64_t page_size;
};

/*
 * What a walk does with size bytes of a block or mapping that lie on page i of leaf, and as many on each of the n - 1
 * pages behind it, which are alike.  Returns for how many pages it did that.
 */
typedef uint32_t (*piece_do)(const struct joining *j, struct heap_residence *s, struct heap_leaf *leaf, uint32_t i,
                             uint32_t n, uint64_t size);

/* The bytes of [addr, end) that lie in leaf, page by page; whole pages that are alike at once. */
static void walk_leaf(const struct joining *j, struct heap_residence *s, struct heap_leaf *leaf, uint64_t addr,
                      uint64_t end, piece_do act)
{
  while (addr < end) {
    uint32_t i = (uint32_t)(addr >> j->page_shift) % LEAF_PAGES, n = 1;
    uint64_t next = (addr >> j->page_shift << j->page_shift) + j->page_size;

    if (!i && !leaf->each && end - addr >= j->page_size << LEAF_SHIFT)
      n = LEAF_PAGES;
    if (next > end)
      next = end;
    n = act(j, s, leaf, i, n, next - addr);
    addr = next + (uint64_t)(n - 1) * j->page_size;
    xalloc_work_count(1);
  }
}

/* Calls act for [addr, end) on all pages that are known; returns how many bytes lie elsewhere. */
static uint64_t walk(const struct joining *j, struct heap_residence *s, uint64_t addr, uint64_t end, piece_do act)
{
  const struct heap_pages *p = j->pages;
  uint32_t shift = j->page_shift + LEAF_SHIFT;
  uint64_t elsewhere = end - addr;

  for (size_t at = heap_pages_find(p, addr >> shift); at < p->leaf_count; at++) {
    uint64_t from = p->leaf[at].key << shift, to = from + (UINT64_C(1) << shift);

    if (from >= end)
      break;
    from = from > addr ? from : addr;
    to = to < end ? to : end;
    elsewhere -= to - from;
    walk_leaf(j, s, &p->leaf[at], from, to, act);
  }
  return elsewhere;
}

/* Overlapping blocks (a damaged trace) may have more bytes on a page than there are. */
static uint32_t mark_live(const struct joining *j, struct heap_residence *s, struct heap_leaf *leaf, uint32_t i,
                          uint32_t n, uint64_t size)
{
  struct heap_page *page = heap_leaf_change(leaf, i, &n);

  (void)j;
  (void)s;
  if (page->live <= UINT32_MAX - size)
    page->live += (uint32_t)size;
  return n;
}

/* What of size bytes is not resident, by the page's state. */
static bool absent(const struct heap_page *page, struct heap_residence *s, uint64_t size)
{
  if (heap_page_resident(page->state))
    return false;
  if (page->state & HEAP_PAGE_HUGETLB && page->state & VT_PG_PRESENT)
    s->hugetlb += size;
  else if (page->state & VT_PG_SWAPPED)
    s->swapped += size;
  else
    s->untouched += size;
  return true;
}

/* size bytes on each of n pages. */
static void add_resident(struct heap_residence *s, const struct heap_page *page, uint32_t n, uint64_t size)
{
  uint64_t holders = heap_page_holders(page);

  s->resident += n * size;
  if (holders)
    s->shared += n * ((size << RESIDENT_FRACTION) / holders);
  else
    s->undivided += n * size;
  if (heap_page_private(page))
    s->private_ += n * size;
}

static uint32_t share_block(const struct joining *j, struct heap_residence *s, struct heap_leaf *leaf, uint32_t i,
                            uint32_t n, uint64_t size)
{
  const struct heap_page *page = heap_leaf_page(leaf, i);
  uint64_t live = page->live;

  if (absent(page, s, n * size))
    return n;
  if (live > j->page_size)
    size = size * j->page_size / live;
  else
    s->slack += n * ((size * (j->page_size - live) << RESIDENT_FRACTION) / live);
  add_resident(s, page, n, size);
  return n;
}

/* Pages on which blocks live (an allocator of the program's own over mmap) belong to the blocks. */
static uint32_t share_mapping(const struct joining *j, struct heap_residence *s, struct heap_leaf *leaf, uint32_t i,
                              uint32_t n, uint64_t size)
{
  struct heap_page *page = heap_leaf_change(leaf, i, &n);

  (void)j;
  page->owned = 1;
  if (page->live || absent(page, s, n * size))
    return n;
  add_resident(s, page, n, size);
  s->mapped_there += n * size;
  return n;
}

static uint64_t end_of(uint64_t addr, uint64_t size)
{
  return size > UINT64_MAX - addr ? UINT64_MAX : addr + size;
}

static void mark_block(void *arg, uint64_t addr, uint64_t size, uint32_t stack)
{
  (void)stack;
  walk(arg, NULL, addr, end_of(addr, size), mark_live);
}

static void join_block(void *arg, uint64_t addr, uint64_t size, uint32_t stack)
{
  const struct joining *j = arg;
  struct heap_residence *s = id_table_make(&j->out->stacks, stack);

  s->untouched += walk(j, s, addr, end_of(addr, size), share_block);
  s->inherited += stack >= STACK_INHERITED ? size : 0;
}

static void join_mappings(const struct joining *j, const struct heap_mappings *m)
{
  for (struct heap_mappings_place at = {0}; heap_mappings_next(m, &at);) {
    struct heap_residence *s = id_table_make(&j->out->stacks, at.mapping->stack);

    s->mapped += at.mapping->end - at.mapping->start;
    s->untouched += walk(j, s, at.mapping->start, at.mapping->end, share_mapping);
  }
}

static void add_up(struct heap_residences *r)
{
  for (uint32_t id = 0; (id = id_table_next(&r->stacks, id)) < ID_TABLE_LIMIT; id++) {
    const struct heap_residence *s = id_table_get(&r->stacks, id);

    r->total.resident += s->resident;
    r->total.private_ += s->private_;
    r->total.shared += s->shared;
    r->total.undivided += s->undivided;
    r->total.inherited += s->inherited;
    r->total.hugetlb += s->hugetlb;
    r->total.slack += s->slack;
    r->total.untouched += s->untouched;
    r->total.swapped += s->swapped;
    r->total.mapped += s->mapped;
    r->total.mapped_there += s->mapped_there;
  }
}

/* n pages from page on, which are alike. */
static void add_rest(const struct joining *j, struct heap_vmas *vmas, const struct heap_page *state, uint64_t page,
                     uint32_t n)
{
  struct heap_residences *r = j->out;

  if (!heap_page_resident(state->state))
    return;
  r->pages += n * j->page_size;
  if (state->live)
    r->slack += state->live < j->page_size ? n * (j->page_size - state->live) : 0;
  else if (!state->owned) {
    xalloc_work_count(n);
    for (uint32_t i = 0; i < n; i++)
      r->rest[heap_rest_of(vmas, page + i, state->state)] += j->page_size;
  }
}

/* What every resident page holds beside blocks and mappings. */
static void find_rest(const struct joining *j, bool is_orphan)
{
  struct heap_vmas vmas = heap_vmas_begin(j->pages->picture, is_orphan);

  for (size_t at = 0; at < j->pages->leaf_count; at++) {
    const struct heap_leaf *leaf = &j->pages->leaf[at];
    uint64_t page = leaf->key << LEAF_SHIFT;

    if (!leaf->each)
      add_rest(j, &vmas, &leaf->alike, page, LEAF_PAGES);
    for (uint32_t i = 0; leaf->each && i < LEAF_PAGES; i++)
      add_rest(j, &vmas, &leaf->each[i], page + i, 1);
  }
}

void heap_residences_find(struct heap_residences *r, const struct heap_counts *counts, const struct heap_then *then,
                          struct heap_pages *pages, bool is_orphan)
{
  uint32_t shift = pages->picture->page_shift;
  struct joining j = {r, pages, shift, UINT64_C(1) << shift};

  memset(r, 0, sizeof *r);
  id_table_init(&r->stacks, sizeof(struct heap_residence));
  heap_counts_lived(counts, then, mark_block, &j);
  heap_counts_lived(counts, then, join_block, &j);
  join_mappings(&j, &then->mappings);
  add_up(r);
  find_rest(&j, is_orphan);
  r->rest[REST_TRACER] += pages->tracer << shift;
  r->rest[REST_METADATA] += pages->tables << shift;
  r->pages += (pages->tracer + pages->tables) << shift;
  r->rss = pages->rss << shift;
  r->zero = pages->zero << shift;
  r->hugetlb = pages->hugetlb << shift;
  r->known = pages->sample_ns != 0;
}

void heap_residences_release(struct heap_residences *r)
{
  id_table_release(&r->stacks);
}
