/*
 * Pages at one moment.  See heap_pages.h.  Parsing of the sampler's records is
 * model/process_picture.c's; here its lists of changes are boiled down to the last state,
 * now and then while reading, so that memory does not grow with time.
 * Called by model/heap_process.c and cmd/heap.c.
 */
#include "model/heap_pages.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"

#define SETTLE_MIN ((size_t)1 << 16) /* changes kept before they are boiled down */

/* The last state of one piece of a list; false when nothing is there any more. */
static bool last_state(const struct range *last, const struct segment *segment, bool pages, struct range *state)
{
  if (pages ? !PICTURE_STATE(last->value) : last->value == PICTURE_NO_VMA)
    return false;
  *state = *last;
  state->start = segment->start;
  state->count = (uint32_t)segment->count;
  if (pages && PICTURE_PFN(last->value))
    state->value = PICTURE_VALUE(PICTURE_STATE(last->value), PICTURE_PFN(last->value) + segment->start - last->start);
  return true;
}

/* Leaves of a list of pages (or of mappings) only what each place has become. */
static int settle(struct range_list *list, bool pages)
{
  const struct range_list *one[] = {list};
  struct range_list settled = {0};
  struct segment segment;
  struct sweep *sweep;
  struct range state;
  int more;

  range_list_sort(list);
  sweep = sweep_new(one, 1);
  if (!sweep)
    return -1;
  while ((more = sweep_next(sweep, &segment)) > 0) {
    size_t n;
    const struct range *const *ranges = sweep_ranges(sweep, 0, &n);

    if (last_state(ranges[n - 1], &segment, pages, &state) && range_list_add(&settled, state) < 0) {
      more = -1;
      break;
    }
  }
  sweep_free(sweep);
  range_list_free(list);
  *list = settled;
  return more;
}

static int settle_pages(struct picture *p)
{
  int result = settle(&p->pages, true);

  p->sample_pages = p->pages.count;
  return result;
}

/* Counts that no process can have are damage; the bound keeps their sums in bytes from overflowing. */
static void set_counts(struct heap_pages *p, const struct event *e)
{
  const uint64_t most = UINT64_C(1) << 36;

  if (e->field[0] > most || e->field[1] > most || e->field[2] > most)
    return;
  p->rss = e->field[0];
  p->tracer = e->field[1];
  p->tables = e->field[2];
}

/* Takes up all samples that began by at_ns. */
static int read_samples(struct heap_pages *p, struct reader *reader, uint64_t at_ns)
{
  size_t pages_max = SETTLE_MIN, vmas_max = SETTLE_MIN;
  const struct event *e;

  while ((e = reader_next(reader))) {
    if (e->type == VT_R_SAMPLE && e->time_ns > at_ns)
      break;
    if (e->type == VT_R_VALUE)
      continue;
    if (e->type == VT_R_SAMPLE)
      p->sample_ns = e->time_ns;
    if (e->type == VT_R_RESIDENT)
      set_counts(p, e);
    if (picture_event(p->picture, e) < 0)
      return -1;
    if (e->type != VT_R_SAMPLE_END)
      continue;
    p->counted = e->field[1];
    if (p->picture->pages.count > pages_max) {
      if (settle_pages(p->picture) < 0)
        return -1;
      pages_max = p->picture->pages.count * 2 + SETTLE_MIN;
    }
    if (p->picture->vmas.count > vmas_max) {
      if (settle(&p->picture->vmas, false) < 0)
        return -1;
      vmas_max = p->picture->vmas.count * 2 + SETTLE_MIN;
    }
  }
  picture_finish(p->picture);
  return settle_pages(p->picture) < 0 || settle(&p->picture->vmas, false) < 0 ? -1 : 0;
}

/* The leaf of a page that is not below any before. */
static struct heap_leaf *leaf_make(struct heap_pages *p, uint64_t page)
{
  struct heap_leaf *leaf = p->leaf_count ? p->leaf[p->leaf_count - 1] : NULL;

  if (leaf && leaf->key == page >> LEAF_SHIFT)
    return leaf;
  if (p->leaf_count == p->leaf_room) {
    size_t room = p->leaf_room ? p->leaf_room * 2 : 64;
    struct heap_leaf **more = reallocarray(p->leaf, room, sizeof(struct heap_leaf *));

    if (!more)
      return NULL;
    p->leaf = more;
    p->leaf_room = room;
  }
  leaf = calloc(1, sizeof *leaf);
  if (!leaf)
    return NULL;
  leaf->key = page >> LEAF_SHIFT;
  p->leaf[p->leaf_count++] = leaf;
  return leaf;
}

/* A run of visible frames, for the comparison; frame numbers count up with pages. */
static int add_run(struct heap_pages *p, const struct range *r)
{
  struct range range = {.start = PICTURE_PFN(r->value), .count = r->count, .value = p->run_count};

  if (p->run_count == p->run_room) {
    size_t room = p->run_room ? p->run_room * 2 : 256;
    struct heap_run *run = reallocarray(p->run, room, sizeof *run);

    if (!run)
      return -1;
    p->run = run;
    p->run_room = room;
  }
  p->run[p->run_count++] = (struct heap_run){r->start, range.start, p->picture->samples[r->sample].begin_ns,
                                             PICTURE_STATE(r->value) & VT_PG_EXCLUSIVE};
  return range_list_add(&p->frames, range);
}

static int lay_out(struct heap_pages *p)
{
  for (size_t i = 0; i < p->picture->pages.count; i++) {
    const struct range *r = &p->picture->pages.items[i];
    uint8_t state = (uint8_t)PICTURE_STATE(r->value);

    for (uint32_t k = 0; k < r->count; k++) {
      struct heap_leaf *leaf = leaf_make(p, r->start + k);

      if (!leaf)
        return -1;
      leaf->state[(r->start + k) % LEAF_PAGES] = state;
    }
    if (state & VT_PG_PRESENT)
      p->present += r->count;
    if ((state & VT_PG_PRESENT) && (state & VT_PG_ZERO))
      p->zero += r->count;
    if (heap_page_resident(state) && PICTURE_PFN(r->value) && add_run(p, r) < 0)
      return -1;
  }
  range_list_sort(&p->frames);
  return 0;
}

struct heap_pages *heap_pages_load(const char *path, uint64_t at_ns)
{
  struct reader *reader = reader_open(path, READER_SAMPLES);
  struct heap_pages *p = reader ? calloc(1, sizeof *p) : NULL;
  bool good = false;

  if (!reader)
    return NULL;
  if (p && (p->picture = picture_new(reader_header(reader)))) {
    p->until_ns = at_ns < p->picture->seen_ns ? at_ns : p->picture->seen_ns;
    good = read_samples(p, reader, at_ns) == 0 && lay_out(p) == 0;
  }
  reader_close(reader);
  if (good)
    return p;
  complain("%s: out of memory while its pages were read", path);
  heap_pages_free(p);
  return NULL;
}

void heap_pages_free(struct heap_pages *p)
{
  if (!p)
    return;
  for (size_t i = 0; i < p->leaf_count; i++)
    free(p->leaf[i]);
  free(p->leaf);
  free(p->run);
  range_list_free(&p->frames);
  picture_free(p->picture);
  free(p);
}

size_t heap_pages_find(const struct heap_pages *p, uint64_t key)
{
  size_t low = 0, high = p->leaf_count;

  while (low < high) {
    size_t middle = (low + high) / 2;

    if (p->leaf[middle]->key < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/*
 * Of a parent and its child, the same frame at the same address is what the one inherited from the other; so both have
 * had it since the fork, whenever it was that each was looked at, as long as both live and the kernel calls it shared.
 */
static bool inherited(const struct heap_pages *a, const struct heap_run *x, const struct heap_pages *b,
                      const struct heap_run *y)
{
  static const uint8_t none[sizeof a->picture->parent_id];
  const struct picture *p = a->picture, *q = b->picture;
  const struct picture *child = memcmp(p->parent_id, q->trace_id, sizeof none) == 0 ? p : q;
  const struct picture *parent = child == p ? q : p;

  return x->page - x->pfn == y->page - y->pfn && !x->exclusive && !y->exclusive &&
         memcmp(child->parent_id, parent->trace_id, sizeof none) == 0 &&
         memcmp(child->parent_id, none, sizeof none) != 0 && x->first_ns <= b->picture->end_ns &&
         y->first_ns <= a->picture->end_ns;
}

/* Whether both had their frames at one time, on one machine: else the later one is reuse. */
static bool together(const struct heap_pages *a, const struct heap_run *x, const struct heap_pages *b,
                     const struct heap_run *y)
{
  static const uint8_t unknown[sizeof a->picture->boot_id];

  if (a == b)
    return true;
  if (memcmp(a->picture->boot_id, b->picture->boot_id, sizeof unknown) != 0 ||
      memcmp(a->picture->boot_id, unknown, sizeof unknown) == 0)
    return false;
  return (x->first_ns <= b->until_ns && y->first_ns <= a->until_ns) || inherited(a, x, b, y);
}

/* In how many places the frame of x, a run of a's, is at the sweep's present place. */
static uint32_t count_holders(struct heap_pages *const *all, const struct sweep *sweep, const struct segment *segment,
                              const struct heap_pages *a, const struct heap_run *x)
{
  uint32_t holders = 0;

  for (size_t i = 0; i < segment->lane_count; i++) {
    const struct heap_pages *b = all[segment->lanes[i]];
    size_t n;
    const struct range *const *ranges = sweep_ranges(sweep, segment->lanes[i], &n);

    for (size_t k = 0; k < n; k++)
      holders += together(a, x, b, &b->run[ranges[k]->value]);
  }
  return holders;
}

static void set_holders(struct heap_pages *p, const struct heap_run *run, const struct segment *segment,
                        uint32_t holders)
{
  uint64_t page = run->page + (segment->start - run->pfn);

  for (uint64_t i = 0; i < segment->count; i++) {
    size_t at = heap_pages_find(p, (page + i) >> LEAF_SHIFT);

    p->leaf[at]->holders[(page + i) % LEAF_PAGES] = (uint16_t)(holders < UINT16_MAX ? holders : UINT16_MAX);
  }
}

static void compare_segment(struct heap_pages *const *all, const struct sweep *sweep, const struct segment *segment)
{
  for (size_t i = 0; i < segment->lane_count; i++) {
    struct heap_pages *p = all[segment->lanes[i]];
    size_t n;
    const struct range *const *ranges = sweep_ranges(sweep, segment->lanes[i], &n);

    for (size_t k = 0; k < n; k++) {
      const struct heap_run *run = &p->run[ranges[k]->value];
      uint32_t holders = count_holders(all, sweep, segment, p, run);

      if (holders > 1)
        set_holders(p, run, segment, holders);
    }
  }
}

int heap_pages_compare(struct heap_pages *const *all, size_t count)
{
  const struct range_list **lists = calloc(count + 1, sizeof(struct range_list *));
  struct sweep *sweep = NULL;
  struct segment segment;
  int more = -1;

  for (size_t i = 0; lists && i < count; i++)
    lists[i] = &all[i]->frames;
  if (lists)
    sweep = sweep_new(lists, count);
  while (sweep && (more = sweep_next(sweep, &segment)) > 0)
    compare_segment(all, sweep, &segment);
  for (size_t i = 0; i < count; i++)
    all[i]->compared = more == 0 && count > 1;
  sweep_free(sweep);
  free(lists);
  if (more < 0)
    complain("out of memory while frames were compared");
  return more;
}
