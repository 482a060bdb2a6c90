/*
 * Finds frames that stand at different addresses in different processes at the
 * same time: sorts the sightings by frame number and sweeps over the frames.
 * Called by query/verdict/page_set.c once, before the pages are judged.
 *
 * Only pages of files and of shared memory, mapped more than once, are looked
 * at.  That keeps the index small, and an anonymous page that is shared by fork
 * is at the same address unless it was moved after.
 */
#include "query/verdict/elsewhere.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

/* A sighting and where it was. */
struct place {
  struct sighting sighting;
  uint64_t page;
};

struct search {
  const struct kin *kin;
  struct range_list frames; /* by frame number; value: index into places */
  struct place *places;
  size_t place_count, place_room;
  struct sighting *history;
  size_t history_room;
};

static bool is_candidate(const struct sighting *s)
{
  return s->pfn && s->state & VT_PG_PRESENT && s->state & VT_PG_FILE && !(s->state & (VT_PG_EXCLUSIVE | VT_PG_ZERO));
}

static int grow(void **items, size_t needed, size_t *room, size_t size)
{
  size_t more = *room * 2 > needed ? *room * 2 : needed + 64;
  void *grown;

  if (needed <= *room)
    return 0;
  grown = xreallocarray(*items, more, size);
  if (!grown)
    return -1;
  *items = grown;
  *room = more;
  return 0;
}

static int add_places(struct search *search, uint64_t page, uint64_t count, size_t history)
{
  for (size_t i = 0; i < history; i++) {
    struct sighting *s = &search->history[i];
    struct range range = {.start = s->pfn, .count = (uint32_t)count, .value = search->place_count};

    if (!is_candidate(s))
      continue;
    if (grow((void **)&search->places, search->place_count + 1, &search->place_room, sizeof *search->places) < 0 ||
        range_list_add(&search->frames, range) < 0)
      return -1;
    search->places[search->place_count++] = (struct place){.sighting = *s, .page = page};
  }
  return 0;
}

static int collect(struct search *search, const struct picture *p, uint32_t process)
{
  const struct range_list *const lists[] = {&p->pages, &p->vmas};
  struct sweep *sweep = sweep_new(lists, 2);
  struct segment segment;
  int more = -1;

  while (sweep && (more = sweep_next(sweep, &segment)) > 0) {
    size_t page_count, vma_count;
    const struct range *const *pages = sweep_ranges(sweep, 0, &page_count);
    const struct range *const *vmas = sweep_ranges(sweep, 1, &vma_count);
    size_t n;

    if (!page_count)
      continue;
    more = grow((void **)&search->history, page_count, &search->history_room, sizeof *search->history);
    if (more < 0)
      break;
    n = picture_history(p, process, segment.start, pages, page_count, vmas, vma_count, search->history);
    more = add_places(search, segment.start, segment.count, n);
    if (more < 0)
      break;
  }
  sweep_free(sweep);
  return more;
}

/* The best reason to call the frame of place shared with another address of another process. */
static bool find_partner(const struct search *search, const struct range *const *ranges, size_t count, size_t self,
                         uint64_t frame, struct elsewhere *found)
{
  const struct place *place = &search->places[ranges[self]->value];
  uint64_t page = place->page + (frame - ranges[self]->start);

  found->share.found = false;
  xalloc_work_count(count);
  for (size_t i = 0; i < count; i++) {
    const struct place *other = &search->places[ranges[i]->value];
    uint64_t other_page = other->page + (frame - ranges[i]->start);
    struct share share;

    if (other->sighting.process == place->sighting.process || other_page == page)
      continue;
    share = sightings_share(search->kin, &place->sighting, &other->sighting);
    if (!share_is_better(&share, &found->share))
      continue;
    *found = (struct elsewhere){.owner = place->sighting.process, .process = other->sighting.process};
    found->page = other_page;
    found->share = share;
    if (share.in_force && share.kind != VERDICT_UNKNOWN)
      break;
  }
  return found->share.found;
}

static int judge_frame(struct elsewhere_index *index, const struct search *search, const struct segment *segment,
                       const struct range *const *ranges, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const struct place *place = &search->places[ranges[i]->value];
    struct range range = {.start = place->page + (segment->start - ranges[i]->start),
                          .count = (uint32_t)segment->count,
                          .value = index->count};
    struct elsewhere found;

    if (!find_partner(search, ranges, count, i, segment->start, &found))
      continue;
    if (grow((void **)&index->items, index->count + 1, &index->room, sizeof *index->items) < 0 ||
        range_list_add(&index->lists[place->sighting.process], range) < 0)
      return -1;
    index->items[index->count++] = found;
  }
  return 0;
}

static int sweep_frames(struct elsewhere_index *index, struct search *search)
{
  const struct range_list *const lists[] = {&search->frames};
  struct sweep *sweep;
  struct segment segment;
  int more = -1;

  range_list_sort(&search->frames);
  sweep = sweep_new(lists, 1);
  while (sweep && (more = sweep_next(sweep, &segment)) > 0) {
    size_t count;
    const struct range *const *ranges = sweep_ranges(sweep, 0, &count);

    if (count > 1 && (more = judge_frame(index, search, &segment, ranges, count)) < 0)
      break;
  }
  sweep_free(sweep);
  return more;
}

int elsewhere_find(struct elsewhere_index *index, struct picture *const *pictures, size_t count, const struct kin *kin)
{
  struct search search = {.kin = kin};
  int result = 0;

  index->process_count = count;
  index->lists = xcalloc(count + 1, sizeof *index->lists);
  if (!index->lists)
    return -1;
  for (uint32_t i = 0; count > 1 && i < count && result == 0; i++)
    result = collect(&search, pictures[i], i);
  if (result == 0 && search.place_count)
    result = sweep_frames(index, &search);
  for (size_t i = 0; i < count; i++)
    range_list_sort(&index->lists[i]);
  range_list_free(&search.frames);
  free(search.places);
  free(search.history);
  return result;
}

void elsewhere_free(struct elsewhere_index *index)
{
  for (size_t i = 0; index->lists && i < index->process_count; i++)
    range_list_free(&index->lists[i]);
  free(index->lists);
  free(index->items);
  memset(index, 0, sizeof *index);
}
