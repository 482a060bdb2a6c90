/*
 * Loads what `vmtrace heap` reports about.  See heap_load.h.  Called by
 * cmd/heap.c.
 */
#include "cmd/heap_load.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "model/heap_heritage.h"
#include "reader/xalloc.h"
#include "report/progress.h"

/* One trace on its way into the set. */
struct loading {
  const char *path;
  struct heap_instant instant;
  int found;                /* what heap_instant_find said */
  struct heap_pages *pages; /* NULL: out of the set, for whatever reason */
  uint8_t trace_id[16], parent_id[16], boot_id[16];
  uint64_t origin, start_ns, end_ns;
  int32_t pid;
  struct loading *parent;         /* that it was forked from, if its trace is there */
  size_t children;                /* that are not loaded yet */
  struct heap_heritage *heritage; /* for them */
  struct heap_process *process;
};

static void step(void *arg, double done)
{
  progress_step(arg, done);
}

static bool same_id(const uint8_t a[16], const uint8_t b[16])
{
  static const uint8_t none[16];

  return !memcmp(a, b, sizeof none) && memcmp(a, none, sizeof none) != 0;
}

/* A trace that is given twice would count twice. */
static bool is_repeated(const struct loading *all, const struct loading *l)
{
  for (; all < l; all++) {
    if (all->pages && same_id(all->trace_id, l->trace_id))
      return true;
  }
  return false;
}

static void find_instant(struct loading *l, const struct heap_moment *at)
{
  struct progress progress;

  progress_begin(&progress, l->path);
  l->found = heap_instant_find(l->path, at, &l->instant, step, &progress);
  progress_end(&progress);
}

/* A mark is one instant for all processes of the machine that it was set on: for those that did not set it, too. */
static void share_mark(struct loading *all, size_t count)
{
  const struct loading *set = NULL;

  for (size_t i = 0; !set && i < count; i++)
    set = all[i].found == 0 ? &all[i] : NULL;
  for (size_t i = 0; set && i < count; i++) {
    if (all[i].found != HEAP_MARK_MISSING)
      continue;
    all[i].found = 0;
    all[i].instant = (struct heap_instant){set->instant.time_ns, UINT64_MAX, set->instant.time_ns, 0};
  }
}

/* The pages of a trace, and what is to be known of it before the others are loaded. */
static int load_pages(struct loading *all, struct loading *l, const struct heap_moment *at)
{
  const struct picture *p;

  if (l->found == HEAP_MARK_MISSING)
    heap_mark_complain(l->path, at, &l->instant);
  l->pages = l->found == 0 ? heap_pages_load(l->path, l->instant.pages_ns) : NULL;
  if (!l->pages)
    return EXIT_UNREADABLE;
  p = l->pages->picture;
  memcpy(l->trace_id, p->trace_id, sizeof l->trace_id);
  memcpy(l->parent_id, p->parent_id, sizeof l->parent_id);
  memcpy(l->boot_id, p->boot_id, sizeof l->boot_id);
  l->origin = p->origin;
  l->start_ns = p->start_ns;
  l->end_ns = p->end_ns;
  l->pid = p->pid;
  if (!is_repeated(all, l))
    return EXIT_FINE;
  command_error(EXIT_FINE, "%s: the same trace was given before; it counts once", l->path);
  heap_pages_free(l->pages);
  l->pages = NULL;
  return EXIT_FINE;
}

static int compare_pages(struct loading *all, size_t count)
{
  struct heap_pages **good = xcalloc(count + 1, sizeof(struct heap_pages *));
  int code = EXIT_FINE;
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    if (all[i].pages)
      good[n++] = all[i].pages;
  }
  if (n > 1 && heap_pages_compare(good, n) < 0)
    code = EXIT_UNREADABLE;
  free(good);
  return code;
}

static bool lived_at(const struct loading *l, const struct loading *mark)
{
  uint64_t at_ns = l->instant.time_ns;

  return same_id(l->boot_id, mark->boot_id) && at_ns >= l->start_ns && at_ns <= l->end_ns;
}

/* A process that did not live at the instant of a mark that another one set is listed, and not counted. */
static void drop_absent(struct loading *all, size_t count)
{
  const struct loading *mark = all;

  while (mark < all + count && (!mark->pages || mark->instant.events == UINT64_MAX))
    mark++;
  for (struct loading *l = all; mark < all + count && l < all + count; l++) {
    if (!l->pages || l->instant.events != UINT64_MAX || lived_at(l, mark))
      continue;
    command_error(EXIT_FINE, "%s: process %d did not live at that mark; it is not counted", l->path, l->pid);
    heap_pages_free(l->pages);
    l->pages = NULL;
  }
}

static int compare_starts(const void *a, const void *b)
{
  const struct loading *x = *(struct loading *const *)a, *y = *(struct loading *const *)b;

  if (x->start_ns != y->start_ns)
    return x->start_ns < y->start_ns ? -1 : 1;
  return (x > y) - (x < y);
}

static bool is_child(const struct loading *l, const struct loading *parent)
{
  bool forked = l->origin == VT_ORIGIN_FORK || (l->origin == VT_ORIGIN_UNKNOWN && l->pid != parent->pid);

  return forked && same_id(l->parent_id, parent->trace_id) && same_id(l->boot_id, parent->boot_id);
}

/* Whom each was forked from: somebody who began before. */
static void find_parents(struct loading *const *order, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < i && !order[i]->parent; j++)
      order[i]->parent = is_child(order[i], order[j]) ? order[j] : NULL;
    if (order[i]->parent)
      order[i]->parent->children++;
  }
}

static void release_heritage(struct loading *l)
{
  heap_heritage_free(l->heritage);
  l->heritage = NULL;
}

/* The one that l was forked from, as it was then; NULL: it is not here. */
static const struct heap_heritage *inherited(struct loading *l, int *code)
{
  struct heap_heritage *h = l->parent ? l->parent->heritage : NULL;

  if (!h || heap_heritage_advance(h, l->pid, l->start_ns))
    return h;
  *code = EXIT_UNREADABLE;
  return NULL;
}

static int load_process(struct loading *l, enum heap_extent extent)
{
  int code = EXIT_FINE;
  const struct heap_heritage *from = inherited(l, &code);
  struct progress progress;

  if (l->children)
    l->heritage = heap_heritage_open(l->path, from);
  if (l->pages) {
    progress_begin(&progress, l->path);
    l->process = heap_process_load(l->path, &l->instant, l->pages, extent, from, step, &progress);
    progress_end(&progress);
    l->pages = NULL;
    if (!l->process)
      code = EXIT_UNREADABLE;
  }
  if (l->parent && --l->parent->children == 0)
    release_heritage(l->parent);
  return code;
}

static int load_all(struct loading *all, size_t count, enum heap_extent extent, struct heap_set *set)
{
  struct loading **order = xcalloc(count + 1, sizeof(struct loading *));
  int code = EXIT_FINE;

  for (size_t i = 0; i < count; i++)
    order[i] = &all[i];
  qsort(order, count, sizeof *order, compare_starts);
  find_parents(order, count);
  for (size_t i = 0; i < count; i++) {
    int loaded = load_process(order[i], extent);

    code = loaded == EXIT_FINE ? code : loaded;
  }
  for (size_t i = 0; i < count; i++) {
    if (all[i].process)
      set->process[set->count++] = all[i].process;
    release_heritage(&all[i]);
  }
  free(order);
  return code;
}

int heap_set_load(char **traces, size_t count, const struct heap_moment *at, enum heap_extent extent,
                  struct heap_set *set)
{
  struct loading *all = xcalloc(count + 1, sizeof *all);
  int code = EXIT_FINE, result;

  *set = (struct heap_set){.process = xcalloc(count + 1, sizeof(struct heap_process *))};
  for (size_t i = 0; i < count; i++) {
    all[i].path = traces[i];
    find_instant(&all[i], at);
  }
  share_mark(all, count);
  for (size_t i = 0; i < count; i++) {
    result = load_pages(all, &all[i], at);
    code = result == EXIT_FINE ? code : result;
  }
  if (at->kind == MOMENT_MARK)
    drop_absent(all, count);
  result = compare_pages(all, count);
  code = result == EXIT_FINE ? code : result;
  result = load_all(all, count, extent, set);
  free(all);
  return result == EXIT_FINE ? code : result;
}

void heap_set_release(struct heap_set *set)
{
  for (size_t i = 0; i < set->count; i++)
    heap_process_free(set->process[i]);
  free(set->process);
}
