/*
 * Sweeps over the pages of all processes side by side and judges each run.
 * Called by cmd/pages.c and cmd/run/run.c through report/.
 */
#include "query/verdict/page_set.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/xalloc.h"

/* Each process has three lanes in the sweep. */
enum { LANE_PAGES, LANE_VMAS, LANE_ELSEWHERE, LANES };

struct walk {
  const struct page_set *set;
  struct sweep *sweep;
  struct sighting *sightings;
  struct verdict_room verdict;
  size_t room;
  struct elsewhere *elsewhere;
  size_t elsewhere_room;
};

/* A process starts (+1) or ends (-1). */
struct moment {
  uint64_t time_ns;
  int step;
};

static int compare_moments(const void *a, const void *b)
{
  const struct moment *x = a, *y = b;

  if (x->time_ns != y->time_ns)
    return x->time_ns < y->time_ns ? -1 : 1;
  return x->step - y->step;
}

/* Times of the processes of one boot; moments has room for two per process. */
static void overlap_of_boot(struct page_set *set, uint32_t boot, struct moment *moments)
{
  size_t n = 0, alive = 0;

  for (size_t i = 0; i < set->count; i++) {
    if (set->kin[i].boot != boot || set->pictures[i]->start_ns == set->pictures[i]->end_ns)
      continue;
    moments[n++] = (struct moment){set->pictures[i]->start_ns, 1};
    moments[n++] = (struct moment){set->pictures[i]->end_ns, -1};
  }
  qsort(moments, n, sizeof *moments, compare_moments);
  for (size_t i = 0; i < n; i++) {
    uint64_t passed = i ? moments[i].time_ns - moments[i - 1].time_ns : 0;

    if (alive >= 2)
      set->overlap_ns += passed;
    if (alive == set->count)
      set->together_ns += passed;
    if (passed && alive > set->most_at_once)
      set->most_at_once = alive;
    alive += (size_t)moments[i].step;
  }
}

static int measure_overlap(struct page_set *set)
{
  struct moment *moments = xcalloc(2 * set->count + 1, sizeof *moments);

  if (!moments)
    return -1;
  set->start_ns = UINT64_MAX;
  for (uint32_t i = 0; i < set->count; i++) {
    const struct picture *p = set->pictures[i];

    if (set->kin[i].boot == i)
      overlap_of_boot(set, i, moments);
    if (set->kin[i].boot == set->kin[0].boot) {
      set->start_ns = p->start_ns < set->start_ns ? p->start_ns : set->start_ns;
      set->end_ns = p->end_ns > set->end_ns ? p->end_ns : set->end_ns;
    }
  }
  free(moments);
  return 0;
}

struct page_set *page_set_new(struct picture **pictures, size_t count)
{
  struct page_set *set = xcalloc(1, sizeof *set);

  if (set) {
    set->pictures = pictures;
    set->count = count;
    set->page_shift = count ? pictures[0]->page_shift : 12;
    set->kin = kin_find(pictures, count);
  } else {
    for (size_t i = 0; i < count; i++)
      picture_free(pictures[i]);
    free(pictures);
  }
  for (size_t i = 1; set && i < count; i++) {
    if (pictures[i]->page_shift != set->page_shift) {
      complain("process %d has pages of another size than process %d: they cannot be compared", pictures[i]->pid,
               pictures[0]->pid);
      page_set_free(set);
      return NULL;
    }
  }
  if (!set || !set->kin || measure_overlap(set) < 0 || elsewhere_find(&set->elsewhere, pictures, count, set->kin) < 0) {
    complain("out of memory");
    page_set_free(set);
    return NULL;
  }
  return set;
}

void page_set_free(struct page_set *set)
{
  if (!set)
    return;
  elsewhere_free(&set->elsewhere);
  for (size_t i = 0; i < set->count; i++)
    picture_free(set->pictures[i]);
  free(set->pictures);
  free(set->kin);
  free(set);
}

static struct sweep *open_sweep(const struct page_set *set)
{
  const struct range_list **lists = xcalloc(set->count * LANES + 1, sizeof *lists);
  struct sweep *sweep = NULL;

  for (size_t i = 0; lists && i < set->count; i++) {
    lists[i * LANES + LANE_PAGES] = &set->pictures[i]->pages;
    lists[i * LANES + LANE_VMAS] = &set->pictures[i]->vmas;
    lists[i * LANES + LANE_ELSEWHERE] = &set->elsewhere.lists[i];
  }
  if (lists)
    sweep = sweep_new(lists, set->count * LANES);
  free(lists);
  return sweep;
}

/* Room for all that this segment may hold. */
static int make_room(struct walk *w, const struct segment *segment)
{
  size_t pages = 0, elsewhere = 0, n;

  for (size_t i = 0; i < segment->lane_count; i++) {
    sweep_ranges(w->sweep, segment->lanes[i], &n);
    if (segment->lanes[i] % LANES == LANE_PAGES)
      pages += n;
    else if (segment->lanes[i] % LANES == LANE_ELSEWHERE)
      elsewhere += n;
  }
  if (pages > w->room) {
    free(w->sightings);
    free(w->verdict.order);
    w->room = pages * 2;
    w->sightings = xcalloc(w->room, sizeof *w->sightings);
    w->verdict.order = xcalloc(w->room, sizeof *w->verdict.order);
  }
  if (elsewhere > w->elsewhere_room) {
    free(w->elsewhere);
    w->elsewhere_room = elsewhere * 2;
    w->elsewhere = xcalloc(w->elsewhere_room, sizeof *w->elsewhere);
  }
  return (w->room && (!w->sightings || !w->verdict.order)) || (w->elsewhere_room && !w->elsewhere) ? -1 : 0;
}

static size_t add_elsewhere(const struct walk *w, uint32_t lane, uint64_t page, size_t at)
{
  size_t count;
  const struct range *const *ranges = sweep_ranges(w->sweep, lane, &count);

  for (size_t i = 0; i < count; i++) {
    w->elsewhere[at] = w->set->elsewhere.items[ranges[i]->value];
    w->elsewhere[at++].page += page - ranges[i]->start;
  }
  return at;
}

/* Everything that is known of the segment's pages, as a run that begins at page. */
static void gather(struct walk *w, const struct segment *segment, uint64_t page, struct page_run *run)
{
  run->sighting_count = run->elsewhere_count = 0;
  for (size_t i = 0; i < segment->lane_count; i++) {
    uint32_t lane = segment->lanes[i], process = lane / LANES;
    size_t page_count, vma_count;
    const struct range *const *pages, *const *vmas;

    if (lane % LANES == LANE_ELSEWHERE)
      run->elsewhere_count = add_elsewhere(w, lane, page, run->elsewhere_count);
    if (lane % LANES != LANE_PAGES)
      continue;
    pages = sweep_ranges(w->sweep, lane, &page_count);
    vmas = sweep_ranges(w->sweep, process * LANES + LANE_VMAS, &vma_count);
    run->sighting_count += picture_history(w->set->pictures[process], process, page, pages, page_count, vmas, vma_count,
                                           w->sightings + run->sighting_count);
  }
  verdict_drop_given_up(w->set->kin, w->sightings, run->sighting_count);
  run->sightings = w->sightings;
  run->elsewhere = w->elsewhere;
}

static int walk_segment(struct walk *w, const struct segment *segment, uint64_t first, uint64_t end, page_visit visit,
                        void *context)
{
  uint64_t from = segment->start > first ? segment->start : first;
  uint64_t to = segment->start + segment->count < end ? segment->start + segment->count : end;
  struct page_run run = {.page = from, .count = to - from};

  if (from >= to)
    return 0;
  if (make_room(w, segment) < 0) {
    complain("out of memory");
    return -1;
  }
  gather(w, segment, from, &run);
  if (!run.sighting_count)
    return 0;
  run.claim =
      verdict_page(w->set->kin, run.sightings, run.sighting_count, run.elsewhere, run.elsewhere_count, &w->verdict);
  return visit(context, &run);
}

int page_set_walk(const struct page_set *set, uint64_t first, uint64_t end, page_visit visit, void *context)
{
  struct walk walk = {.set = set, .sweep = open_sweep(set)};
  struct segment segment;
  int result = 0, more = -1;

  walk.verdict.chain = xcalloc(set->count + 1, sizeof *walk.verdict.chain);
  while (walk.sweep && walk.verdict.chain && !result && (more = sweep_next(walk.sweep, &segment)) > 0 &&
         segment.start < end)
    result = walk_segment(&walk, &segment, first, end, visit, context);
  if (more < 0) {
    complain("out of memory");
    result = -1;
  }
  sweep_free(walk.sweep);
  free(walk.sightings);
  free(walk.verdict.order);
  free(walk.verdict.chain);
  free(walk.elsewhere);
  return result;
}

size_t page_run_holders(const struct page_run *run)
{
  size_t n = 0;

  for (size_t i = 0; i < run->sighting_count; i++)
    n += run->sightings[i].current;
  return n;
}

static int compare_addresses(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return (x > y) - (x < y);
}

uint64_t *page_set_watched(const struct page_set *set, size_t *count)
{
  size_t total = 0, n = 0;
  uint64_t *watched;

  *count = 0;
  for (size_t i = 0; i < set->count; i++)
    total += set->pictures[i]->value_count;
  watched = xcalloc(total + 1, sizeof *watched);
  for (size_t i = 0; watched && i < set->count; i++) {
    for (size_t j = 0; j < set->pictures[i]->value_count; j++)
      watched[n++] = set->pictures[i]->values[j].addr;
  }
  if (!watched)
    return NULL;
  qsort(watched, n, sizeof *watched, compare_addresses);
  for (size_t i = 0; i < n; i++) {
    if (!i || watched[i] != watched[i - 1])
      watched[(*count)++] = watched[i];
  }
  return watched;
}
