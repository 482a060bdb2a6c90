/*
 * The figure of `vmtrace pages`: which pages it shows, and the frames behind them.  Drawing is output/svg_space.c's.
 * What programs allocated comes first, then what they share at one address, then what they share at different ones.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/address_space.h"
#include "output/output_format.h"
#include "reader/xalloc.h"
#include "report/pages_parts.h"

/* Why a run of pages is shown; and how many of them are, at most. */
enum space_reason { SPACE_OF_HEAP, SPACE_IN_COMMON, SPACE_ELSEWHERE, SPACE_REASONS };
static const size_t room_for[SPACE_REASONS] = {[SPACE_OF_HEAP] = 8, [SPACE_IN_COMMON] = 4, [SPACE_ELSEWHERE] = 6};
#define PROCESSES_MOST 6

/* A run of pages that is shown. */
struct space_pick {
  enum space_reason reason;
  uint64_t page, count;
  const char *what;
  enum verdict verdict;
  bool held[PROCESSES_MOST];
  uint64_t pfn[PROCESSES_MOST];
  uint32_t state[PROCESSES_MOST];
};

struct picking {
  const struct page_set *set;
  size_t processes;
  struct space_pick *pick;
  size_t count;
  size_t picked[SPACE_REASONS];
  uint64_t left_out;
};

static size_t holders_of(const struct page_run *run, size_t processes)
{
  size_t holders = 0;

  for (uint32_t i = 0; i < processes; i++)
    holders += pages_current(run, i) != NULL;
  return holders;
}

/* Of what is shared at different addresses, one run in each process is enough to see it. */
static bool is_told(const struct picking *p, const struct page_run *run)
{
  const char *what = pages_label(p->set, run);

  for (size_t i = 0; i < p->count; i++) {
    for (uint32_t k = 0; k < p->processes; k++) {
      if (p->pick[i].held[k] && pages_current(run, k) && !strcmp(p->pick[i].what, what))
        return true;
    }
  }
  return false;
}

/* Whether that frame is behind a run that is shown: its other place belongs into the figure. */
static bool is_awaited(const struct picking *p, const struct page_run *run)
{
  for (size_t i = 0; i < p->count; i++) {
    for (uint32_t k = 0; k < p->processes; k++) {
      const struct sighting *s = pages_current(run, k);

      for (size_t other = 0; s && s->pfn && other < p->processes; other++) {
        if (p->pick[i].pfn[other] == s->pfn)
          return true;
      }
    }
  }
  return false;
}

/* Whether the figure has something of that name that is shared elsewhere; *rows: how many such rows it has. */
static bool is_named(const struct picking *p, const char *what, size_t *rows)
{
  bool named = false;

  *rows = 0;
  for (size_t i = 0; i < p->count; i++) {
    if (p->pick[i].reason != SPACE_ELSEWHERE)
      continue;
    named |= !strcmp(p->pick[i].what, what);
    ++*rows;
  }
  return named;
}

/* Shared at different addresses: a few objects, each once in every process that has that very frame. */
static bool shows_elsewhere(const struct picking *p, const struct page_run *run)
{
  size_t rows;
  bool named = is_named(p, pages_label(p->set, run), &rows);

  if (!run->elsewhere_count || is_told(p, run))
    return false;
  return named ? is_awaited(p, run) : rows < room_for[SPACE_ELSEWHERE] / 2;
}

static enum space_reason reason_of(const struct picking *p, const struct page_run *run, size_t holders)
{
  if (pages_is_heap(p->set, run))
    return SPACE_OF_HEAP;
  if (holders > 1)
    return SPACE_IN_COMMON;
  return shows_elsewhere(p, run) ? SPACE_ELSEWHERE : SPACE_REASONS;
}

static int pick_run(void *context, const struct page_run *run)
{
  struct picking *p = context;
  size_t holders = holders_of(run, p->processes);
  enum space_reason reason = holders ? reason_of(p, run, holders) : SPACE_REASONS;
  struct space_pick *pick;

  if (reason == SPACE_REASONS || p->picked[reason] == room_for[reason]) {
    p->left_out += holders ? run->count : 0;
    return 0;
  }
  p->picked[reason]++;
  pick = &p->pick[p->count++];
  *pick = (struct space_pick){.reason = reason,
                              .page = run->page,
                              .count = run->count,
                              .what = pages_label(p->set, run),
                              .verdict = run->claim.verdict};
  for (uint32_t i = 0; i < p->processes; i++) {
    const struct sighting *s = pages_current(run, i);

    pick->held[i] = s != NULL;
    pick->pfn[i] = s && s->state & VT_PG_PRESENT ? s->pfn : 0;
    pick->state[i] = s ? s->state : 0;
  }
  return 0;
}

/* The frames of all picks, each once; a hidden one that is mapped exactly once is one, too. */
static size_t add_frame(struct address_space *s, uint64_t pfn, uint64_t count)
{
  for (size_t i = 0; pfn && i < s->frame_count; i++) {
    if (s->frames[i].pfn == pfn) {
      s->frames[i].holders++;
      return i;
    }
  }
  s->frames[s->frame_count] = (struct space_frame){pfn, count, 1};
  return s->frame_count++;
}

static int compare_frames(const void *a, const void *b)
{
  const struct space_frame *x = a, *y = b;

  return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

/* Frames in the order of their numbers: boxes follow them by number, and those that are hidden stay in their order. */
static void sort_frames(struct address_space *s)
{
  struct space_frame *before = xcalloc(s->frame_count + 1, sizeof *before);

  memcpy(before, s->frames, s->frame_count * sizeof *before);
  qsort(s->frames, s->frame_count, sizeof *s->frames, compare_frames);
  for (size_t i = 0; i < s->box_count; i++) {
    size_t frame = s->boxes[i].frame;

    for (size_t k = 0; frame != SPACE_NO_FRAME && before[frame].pfn && k < s->frame_count; k++) {
      if (s->frames[k].pfn == before[frame].pfn)
        s->boxes[i].frame = k;
    }
  }
  free(before);
}

static void add_box(struct address_space *s, const struct space_pick *pick, size_t row, size_t process)
{
  struct space_box *box = &s->boxes[s->box_count++];
  bool own = pick->state[process] & VT_PG_EXCLUSIVE;

  *box = (struct space_box){.process = process, .row = row, .frame = SPACE_NO_FRAME, .sharing = SPACE_UNKNOWN};
  if (pick->pfn[process])
    box->frame = add_frame(s, pick->pfn[process], pick->count);
  else if (own)
    box->sharing = SPACE_PRIVATE;
}

static void fill(struct address_space *s, const struct picking *p)
{
  for (size_t i = 0; i < p->count; i++) {
    const struct space_pick *pick = &p->pick[i];

    s->rows[i] =
        (struct space_row){pick->page << p->set->page_shift, pick->count, pick->what, verdict_name(pick->verdict)};
    for (size_t k = 0; k < p->processes; k++) {
      if (pick->held[k])
        add_box(s, pick, i, k);
    }
  }
  sort_frames(s);
  for (size_t i = 0; i < s->box_count; i++) {
    if (s->boxes[i].frame != SPACE_NO_FRAME)
      s->boxes[i].sharing = s->frames[s->boxes[i].frame].holders > 1 ? SPACE_SHARED : SPACE_PRIVATE;
  }
}

static char *title_of(const struct page_set *set)
{
  static const char *const numbers[] = {"No", "One", "Two", "Three", "Four", "Five", "Six"};

  if (set->count == 1)
    return xstrdup("One address space, and the frames behind it");
  if (set->count <= PROCESSES_MOST)
    return xasprintf("%s address spaces, and the frames behind them", numbers[set->count]);
  return xasprintf("The first %d of %zu address spaces, and the frames behind them", PROCESSES_MOST, set->count);
}

int pages_space(FILE *out, const struct page_set *set, const struct pages_view *view, const struct format *format)
{
  size_t most = room_for[SPACE_OF_HEAP] + room_for[SPACE_IN_COMMON] + room_for[SPACE_ELSEWHERE];
  struct picking p = {.set = set, .processes = set->count < PROCESSES_MOST ? set->count : PROCESSES_MOST};
  struct address_space s = {.row_count = 0, .page_size = UINT64_C(1) << set->page_shift};
  struct style style = style_for(out);
  char *title = title_of(set), **names = xcalloc(p.processes + 1, sizeof(char *));
  int result;

  p.pick = xcalloc(most, sizeof *p.pick);
  s.rows = xcalloc(most, sizeof *s.rows);
  s.boxes = xcalloc(most * PROCESSES_MOST, sizeof *s.boxes);
  s.frames = xcalloc(most * PROCESSES_MOST, sizeof *s.frames);
  for (size_t i = 0; i < p.processes; i++)
    names[i] = xasprintf("%d %s", set->pictures[i]->pid, set->pictures[i]->name);
  result = page_set_walk(set, view->first, view->end, pick_run, &p);
  s.title = title;
  s.processes = (const char **)names;
  s.process_count = p.processes;
  s.row_count = p.count;
  s.pages_left_out = p.left_out;
  fill(&s, &p);
  if (result == 0)
    result = format->space(out, &s, &style);
  for (size_t i = 0; i < p.processes; i++)
    free(names[i]);
  free(names);
  free(title);
  free(p.pick);
  free(s.rows);
  free(s.boxes);
  free(s.frames);
  return result;
}
