/*
 * Pages at one moment.  See heap_pages.h.  Parsing of the sampler's records is
 * track/pages/process_picture.c's; here its lists of changes are boiled down to
 * the last state by track/pages/pages_tracker.c.  Called by query/heap/heap_process.c.
 */
#include "query/heap/heap_pages.h"

#include <stdlib.h>
#include <string.h>

#include "query/verdict/kin.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

/* The leaf of a page that is not below any before. */
static struct heap_leaf *leaf_make(struct heap_pages *p, uint64_t page)
{
  if (p->leaf_count && p->leaf[p->leaf_count - 1].key == page >> LEAF_SHIFT)
    return &p->leaf[p->leaf_count - 1];
  p->leaf = xgrow(p->leaf, p->leaf_count, &p->leaf_room, sizeof *p->leaf);
  p->leaf[p->leaf_count] = (struct heap_leaf){.key = page >> LEAF_SHIFT};
  return &p->leaf[p->leaf_count++];
}

struct heap_page *heap_leaf_change(struct heap_leaf *leaf, uint32_t i, uint32_t *n)
{
  if (!leaf->each && *n == LEAF_PAGES)
    return &leaf->alike;
  if (!leaf->each) {
    leaf->each = xmalloc(LEAF_PAGES * sizeof *leaf->each);
    for (uint32_t k = 0; k < LEAF_PAGES; k++)
      leaf->each[k] = leaf->alike;
  }
  *n = 1;
  return &leaf->each[i];
}

/* How many of count pages from page on lie in page's leaf. */
static uint32_t pages_of_leaf(uint64_t page, uint64_t count)
{
  uint32_t left = LEAF_PAGES - (uint32_t)(page % LEAF_PAGES);

  return count < left ? (uint32_t)count : left;
}

static void set_states(struct heap_pages *p, uint64_t page, uint64_t count, uint8_t state)
{
  uint32_t n;

  for (uint64_t at = 0; at < count; at += n) {
    struct heap_leaf *leaf = leaf_make(p, page + at);

    n = pages_of_leaf(page + at, count - at);
    heap_leaf_change(leaf, (uint32_t)((page + at) % LEAF_PAGES), &n)->state = state;
  }
  xalloc_work_count(count / LEAF_PAGES);
}

/* A run of visible frames, for the comparison; frame numbers count up with pages. */
static int add_run(struct heap_pages *p, const struct heap_run *run, uint64_t count)
{
  struct range range = {.start = run->pfn, .count = (uint32_t)count, .value = p->run_count};

  if (p->run_count == p->run_room) {
    size_t room = p->run_room ? p->run_room * 2 : 256;
    struct heap_run *more = xreallocarray(p->run, room, sizeof *more);

    if (!more)
      return -1;
    p->run = more;
    p->run_room = room;
  }
  p->run[p->run_count++] = *run;
  return range_list_add(&p->frames, range);
}

/* One piece of pages that are alike, all of one mapping or of none. */
static int lay_out_segment(struct heap_pages *p, const struct segment *segment, const struct range *r,
                           const struct vma *vma)
{
  struct heap_run run = {.page = segment->start, .vma = vma, .sample = r->sample};
  uint8_t state;

  run.state = picture_state(vma, PICTURE_STATE(r->value));
  run.pfn = PICTURE_PFN(r->value) ? PICTURE_PFN(r->value) + segment->start - r->start : 0;
  state = (uint8_t)(run.state & ~HEAP_PAGE_HUGETLB) | (vma && vma->flags & VT_VMA_HUGETLB ? HEAP_PAGE_HUGETLB : 0);
  set_states(p, segment->start, segment->count, state);
  if (state & VT_PG_PRESENT) {
    p->present += segment->count;
    p->zero += state & VT_PG_ZERO ? segment->count : 0;
    p->hugetlb += state & HEAP_PAGE_HUGETLB ? segment->count : 0;
  }
  return heap_page_resident(state) && run.pfn ? add_run(p, &run, segment->count) : 0;
}

static int lay_out(struct heap_pages *p)
{
  const struct range_list *const lists[] = {&p->picture->pages, &p->picture->vmas};
  struct sweep *sweep = sweep_new(lists, 2);
  struct segment segment;
  int more = -1;

  while (sweep && (more = sweep_next(sweep, &segment)) > 0) {
    size_t pages, vmas;
    const struct range *const *page = sweep_ranges(sweep, 0, &pages);
    const struct range *const *vma = sweep_ranges(sweep, 1, &vmas);

    if (pages &&
        lay_out_segment(p, &segment, page[pages - 1], vmas ? picture_vma(p->picture, vma[vmas - 1]) : NULL) < 0) {
      more = -1;
      break;
    }
  }
  sweep_free(sweep);
  range_list_sort(&p->frames);
  return more;
}

struct heap_pages *heap_pages_new(const struct picture *picture, const struct pages_then *then)
{
  static const struct pages_then none;
  struct heap_pages *p = xcalloc(1, sizeof *p);

  if (!then)
    then = &none;
  p->view = *picture;
  p->view.pages = then->pages;
  p->view.vmas = then->vmas;
  p->view.sample_count = then->samples;
  p->picture = &p->view;
  p->sample_ns = then->sample_ns;
  p->at_end = then->at_end;
  p->counted = then->counted;
  p->rss = then->rss;
  p->tracer = then->tracer;
  p->tables = then->tables;
  lay_out(p);
  return p;
}

void heap_pages_free(struct heap_pages *p)
{
  if (!p)
    return;
  for (size_t i = 0; i < p->leaf_count; i++)
    free(p->leaf[i].each);
  free(p->leaf);
  free(p->run);
  range_list_free(&p->frames);
  free(p);
}

size_t heap_pages_find(const struct heap_pages *p, uint64_t key)
{
  size_t low = 0, high = p->leaf_count;

  while (low < high) {
    size_t middle = (low + high) / 2;

    if (p->leaf[middle].key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* A run at the moment, with a frame that the sweep is at, as a sighting of process number. */
static struct sighting sighting_of(const struct heap_pages *p, uint32_t number, const struct range *r, uint64_t frame)
{
  const struct heap_run *run = &p->run[r->value];
  const struct picture *picture = p->picture;
  struct sighting s = {.process = number, .state = run->state, .pfn = frame, .vma = run->vma};

  s.page = run->page + (frame - run->pfn);
  s.first_ns = s.tenure_ns = picture->samples[run->sample].begin_ns;
  s.look_ns = s.tenure_look_ns = picture->samples[picture->samples[picture->sample_count - 1].whole].begin_ns;
  if (s.look_ns < s.first_ns)
    s.look_ns = s.tenure_look_ns = s.first_ns;
  s.last_ns = s.until_ns = s.tenure_last_ns = picture->seen_ns;
  s.offset = run->vma ? run->vma->offset + ((s.page - run->vma->start) << picture->page_shift) : 0;
  s.current = s.standing = true;
  return s;
}

/* Who has the frame that the sweep is at, or has had it. */
struct holder {
  struct sighting seen;
  uint32_t holders; /* in how many places that frame is, its own included */
};

struct comparison {
  struct heap_pages *const *all;
  const struct kin *kin;
  struct holder *holder;
  size_t count, room;
  size_t *living; /* of the holders: those that may still have the frame */
  size_t living_room;
};

static void hold(struct comparison *c, const struct sighting *s)
{
  c->holder = xgrow(c->holder, c->count, &c->room, sizeof *c->holder);
  c->holder[c->count++] = (struct holder){*s, 1};
}

/* At the ends of both, what they had in common when the first of them ended is divided: it is nobody else's since. */
static bool is_shared(const struct comparison *c, const struct sighting *s, const struct sighting *other)
{
  bool both = c->all[s->process]->at_end && c->all[other->process]->at_end;

  if (both && other->last_ns < s->look_ns)
    return sighting_is_shared_with(c->kin, other, s);
  return sighting_is_shared_with(c->kin, s, other);
}

static int compare_firsts(const void *a, const void *b)
{
  const struct holder *x = a, *y = b;

  if (x->seen.first_ns != y->seen.first_ns)
    return x->seen.first_ns < y->seen.first_ns ? -1 : 1;
  return (x->seen.process > y->seen.process) - (x->seen.process < y->seen.process);
}

static bool has_too(const struct comparison *c, const struct holder *h, const struct holder *other)
{
  return h->seen.process == other->seen.process || is_shared(c, &h->seen, &other->seen);
}

/* Two can have a frame in common only if they had it at one time.  So of a thousand processes that come and go, each
 * is compared with those that live beside it. */
static void count_holders(struct comparison *c)
{
  size_t living = 0;

  qsort(c->holder, c->count, sizeof *c->holder, compare_firsts);
  for (size_t i = 0; i < c->count; i++) {
    struct holder *h = &c->holder[i];
    size_t still = 0;

    xalloc_work_count(living);
    for (size_t k = 0; k < living; k++) {
      struct holder *other = &c->holder[c->living[k]];

      if (other->seen.last_ns < h->seen.first_ns)
        continue;
      c->living[still++] = c->living[k];
      h->holders += has_too(c, h, other);
      other->holders += has_too(c, other, h);
    }
    living = still;
    c->living = xgrow(c->living, living, &c->living_room, sizeof *c->living);
    c->living[living++] = i;
  }
}

static void set_holders(struct heap_pages *p, uint64_t page, uint64_t count, uint32_t holders)
{
  uint32_t n;

  for (uint64_t at = 0; at < count; at += n) {
    struct heap_leaf *leaf = &p->leaf[heap_pages_find(p, (page + at) >> LEAF_SHIFT)];

    n = pages_of_leaf(page + at, count - at);
    xalloc_work_count(n / 8 + 4);
    heap_leaf_change(leaf, (uint32_t)((page + at) % LEAF_PAGES), &n)->holders =
        (uint16_t)(holders < UINT16_MAX ? holders : UINT16_MAX);
  }
}

static void compare_segment(struct comparison *c, const struct sweep *sweep, const struct segment *segment)
{
  c->count = 0;
  for (size_t i = 0; i < segment->lane_count; i++) {
    size_t n;
    const struct range *const *ranges = sweep_ranges(sweep, segment->lanes[i], &n);

    for (size_t k = 0; k < n; k++) {
      struct sighting s = sighting_of(c->all[segment->lanes[i]], segment->lanes[i], ranges[k], segment->start);

      hold(c, &s);
    }
  }
  if (c->count < 2)
    return;
  count_holders(c);
  for (size_t i = 0; i < c->count; i++)
    set_holders(c->all[c->holder[i].seen.process], c->holder[i].seen.page, segment->count, c->holder[i].holders);
}

static struct kin *find_kin(struct heap_pages *const *all, size_t count)
{
  struct picture **pictures = xcalloc(count + 1, sizeof(struct picture *));
  struct kin *kin;

  for (size_t i = 0; pictures && i < count; i++)
    pictures[i] = &all[i]->view;
  kin = pictures ? kin_find(pictures, count) : NULL;
  free(pictures);
  return kin;
}

int heap_pages_compare(struct heap_pages *const *all, size_t count)
{
  const struct range_list **lists = xcalloc(count + 1, sizeof(struct range_list *));
  struct kin *kin = find_kin(all, count);
  struct comparison comparison = {.all = all, .kin = kin};
  struct sweep *sweep = NULL;
  struct segment segment;
  int more = -1;

  for (size_t i = 0; lists && i < count; i++)
    lists[i] = &all[i]->frames;
  if (lists && kin)
    sweep = sweep_new(lists, count);
  while (sweep && (more = sweep_next(sweep, &segment)) > 0)
    compare_segment(&comparison, sweep, &segment);
  sweep_free(sweep);
  free(comparison.holder);
  free(comparison.living);
  free(kin);
  free(lists);
  if (more < 0)
    complain("out of memory while frames were compared");
  return more;
}
