/*
 * The table of frames that stand at different addresses in different processes,
 * a line per file: what the loader's random addresses hide.  Called by
 * report/pages_text.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "report/pages_parts.h"

#define LINES_MAX 12

/* Where a file's shared pages are, per process. */
struct spot {
  uint64_t pages, lowest;
};

struct line {
  const char *label;
  uint64_t most; /* pages, in the process that has most of them */
  struct spot *spots;
};

struct lines {
  const struct page_set *set;
  struct line *items;
  size_t count, room;
};

static struct line *find_line(struct lines *lines, const char *label)
{
  struct line *line;

  for (size_t i = lines->count; i-- > 0;) {
    xalloc_work_count(1);
    if (!strcmp(lines->items[i].label, label))
      return &lines->items[i];
  }
  if (lines->count == lines->room) {
    size_t room = lines->room ? lines->room * 2 : 16;
    struct line *items = xreallocarray(lines->items, room, sizeof *items);

    if (!items)
      return NULL;
    lines->items = items;
    lines->room = room;
  }
  line = &lines->items[lines->count];
  *line = (struct line){.label = label, .spots = xcalloc(lines->set->count + 1, sizeof *line->spots)};
  if (!line->spots)
    return NULL;
  lines->count++;
  return line;
}

static int add_run(void *context, const struct page_run *run)
{
  struct lines *lines = context;
  struct line *line;

  if (!run->elsewhere_count)
    return 0;
  line = find_line(lines, pages_label(lines->set, run));
  if (!line)
    return -1;
  for (size_t i = 0; i < run->elsewhere_count; i++) {
    struct spot *spot = &line->spots[run->elsewhere[i].owner];

    if (i && run->elsewhere[i].owner == run->elsewhere[i - 1].owner)
      continue; /* the same page, shared with one process after the other */
    if (!spot->pages)
      spot->lowest = run->page;
    spot->pages += run->count;
    if (spot->pages > line->most)
      line->most = spot->pages;
  }
  return 0;
}

static int compare_lines(const void *a, const void *b)
{
  const struct line *x = a, *y = b;

  if (x->most != y->most)
    return x->most < y->most ? 1 : -1;
  return strcmp(x->label, y->label);
}

static void put_line(FILE *out, const struct page_set *set, const struct line *line, int width)
{
  size_t processes = 0;

  for (size_t i = 0; i < set->count; i++)
    processes += line->spots[i].pages > 0;
  fprintf(out, "  %-*s  %5" PRIu64, width, line->label, line->most);
  if (processes > PAGES_COLUMNS_MAX) {
    fprintf(out, "  in %zu processes\n", processes);
    return;
  }
  for (size_t i = 0; i < set->count; i++) {
    if (line->spots[i].pages)
      fprintf(out, "  %d at 0x%" PRIx64, set->pictures[i]->pid, line->spots[i].lowest << set->page_shift);
  }
  putc('\n', out);
}

static void put_lines(FILE *out, const struct lines *lines, const struct pages_view *view)
{
  size_t shown = view->all || lines->count <= LINES_MAX ? lines->count : LINES_MAX;
  int width = (int)strlen("same frames");

  for (size_t i = 0; i < shown; i++) {
    int len = (int)strlen(lines->items[i].label);

    width = len > width ? len : width;
  }
  fprintf(out, "\n  %-*s  pages  at different addresses\n", width, "same frames");
  for (size_t i = 0; i < shown; i++)
    put_line(out, lines->set, &lines->items[i], width);
  if (shown < lines->count)
    fprintf(out, "  ... and %zu more: --all shows them\n", lines->count - shown);
}

int pages_elsewhere_table(FILE *out, const struct page_set *set, const struct pages_view *view)
{
  struct lines lines = {.set = set};
  int result = set->elsewhere.count ? page_set_walk(set, view->first, view->end, add_run, &lines) : 0;

  if (result == 0 && lines.count) {
    qsort(lines.items, lines.count, sizeof *lines.items, compare_lines);
    put_lines(out, &lines, view);
  }
  for (size_t i = 0; i < lines.count; i++)
    free(lines.items[i].spots);
  free(lines.items);
  return result;
}
