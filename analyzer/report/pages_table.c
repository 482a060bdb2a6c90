/*
 * The table of pages: address, what is there, a column per process with its
 * frame, the verdict in plain words.  Neighbours that are alike become one row.
 * The pages are walked twice, to measure the columns and to print, so that
 * nothing is kept but the row at hand.  Called by report/pages_text.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reader/plain_text.h"
#include "reader/xalloc.h"
#include "report/pages_parts.h"
#include "vmtrace/format.h"

#define ROWS_MAX 40 /* unless all are asked for */
#define CELL_MAX 80

enum { COLUMN_ADDRESS, COLUMN_PAGES, COLUMN_WHAT, COLUMN_FRAMES, COLUMNS = COLUMN_FRAMES + PAGES_COLUMNS_MAX };

/* Neighbouring runs that read the same. */
struct row {
  uint64_t page, count; /* count 0: none */
  const char *label;
  struct claim claim;
  struct sighting *sightings; /* of the first page: the current ones, by process */
  size_t holders;
  uint32_t elsewhere; /* a process that has the same frames at other addresses */
  bool is_elsewhere;
};

struct table {
  FILE *out; /* NULL: measuring */
  const struct page_set *set;
  const struct pages_view *view;
  bool heap; /* this walk is for the heap's rows, else for the others */
  size_t process_columns;
  int width[COLUMNS];
  struct row row;
  const uint64_t *watched;
  size_t watched_count;
  uint64_t rows, hidden_rows, hidden_pages; /* hidden: left out */
};

static bool is_watched(const struct table *t, uint64_t page, uint64_t count)
{
  for (size_t i = 0; i < t->watched_count; i++) {
    uint64_t at = t->watched[i] >> t->set->page_shift;

    if (at >= page && at < page + count)
      return true;
  }
  return false;
}

static const char *verdict_colour(enum verdict verdict)
{
  switch (verdict) {
  case VERDICT_PRIVATE:
  case VERDICT_EXCLUSIVE:
    return "\033[32m";
  case VERDICT_SHARED_COW:
  case VERDICT_SHARED_FILE:
  case VERDICT_SHARED_MEMORY:
  case VERDICT_KSM:
    return "\033[33m";
  default:
    return "\033[2m";
  }
}

/* What a verdict means, of this row. */
static const char *verdict_meaning(const struct row *row)
{
  static const char *const words[VERDICT_COUNT] = {
      [VERDICT_PRIVATE] = "same address, different frames",
      [VERDICT_EXCLUSIVE] = "mapped exactly once on the machine",
      [VERDICT_SHARED_COW] = "one frame since fork, until somebody writes",
      [VERDICT_SHARED_MEMORY] = "one frame, each sees what the other writes",
      [VERDICT_SHARED_FILE] = "one frame of a file",
      [VERDICT_KSM] = "equal pages merged by the kernel",
      [VERDICT_ZERO] = "read but never written, no frame of its own",
      [VERDICT_SWAPPED] = "on the swap device, no frame",
      [VERDICT_UNKNOWN] = "cannot be told",
  };
  enum verdict verdict = row->claim.verdict;

  if (verdict == VERDICT_EXCLUSIVE && row->claim.beside_zero)
    return "written in one, the zero page in the other";
  if (verdict == VERDICT_EXCLUSIVE && row->claim.apart)
    return "mapped exactly once, by one process after the other";
  if (verdict == VERDICT_SHARED_FILE && !strncmp(row->label, "kernel", 6))
    return "one frame, the kernel's for all";
  return words[verdict];
}

/* The verdict in plain words. */
static void verdict_words(const struct table *t, const struct row *row, char *buf, size_t size)
{
  int len = snprintf(buf, size, "%s: %s", verdict_name(row->claim.verdict), verdict_meaning(row));

  if (row->claim.some && len < (int)size)
    len += snprintf(buf + len, size - (size_t)len, " (of some; others have frames of their own)");
  if (row->is_elsewhere && len < (int)size)
    len += snprintf(buf + len, size - (size_t)len, ", at another address in %d", t->set->pictures[row->elsewhere]->pid);
  if (row->claim.changed && len < (int)size)
    snprintf(buf + len, size - (size_t)len, "; %s until %.2f s", verdict_name(row->claim.before),
             row->claim.before_ns > t->set->start_ns ? (double)(row->claim.before_ns - t->set->start_ns) / 1e9 : 0.0);
}

static void frame_cell(const struct sighting *s, uint64_t count, char *buf, size_t size)
{
  if (!s)
    snprintf(buf, size, "-");
  else if (s->state & VT_PG_ZERO)
    snprintf(buf, size, "zero page");
  else if (!(s->state & VT_PG_PRESENT))
    snprintf(buf, size, s->state & VT_PG_SWAPPED ? "swapped" : "-");
  else if (s->pfn)
    snprintf(buf, size, "0x%" PRIx64 "%s", s->pfn, count > 1 ? " .." : "");
  else
    snprintf(buf, size, s->state & VT_PG_EXCLUSIVE ? "hidden, its own" : "hidden");
}

static int compare_numbers(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return (x > y) - (x < y);
}

/* Many processes in one cell: "10 frames in 10", "1 frame in 7". */
static void folded_cell(const struct row *row, char *buf, size_t size)
{
  uint64_t *frames = xcalloc(row->holders + 1, sizeof *frames);
  size_t n = 0, distinct = 0, hidden = 0;

  for (size_t i = 0; frames && i < row->holders; i++) {
    const struct sighting *s = &row->sightings[i];

    if (s->state & VT_PG_PRESENT && !(s->state & VT_PG_ZERO)) {
      if (s->pfn)
        frames[n++] = s->pfn;
      else
        hidden++;
    }
  }
  if (frames)
    qsort(frames, n, sizeof *frames, compare_numbers);
  for (size_t i = 0; i < n; i++)
    distinct += !i || frames[i] != frames[i - 1];
  free(frames);
  if (n)
    snprintf(buf, size, "%zu %s in %zu %s", distinct, distinct == 1 ? "frame" : "frames", row->holders,
             row->holders == 1 ? "process" : "processes");
  else
    snprintf(buf, size, "%s in %zu %s", hidden ? "hidden" : "none", row->holders,
             row->holders == 1 ? "process" : "processes");
}

static void address_cell(const struct table *t, const struct row *row, char *buf, size_t size)
{
  uint64_t start = row->page << t->set->page_shift, end = (row->page + row->count) << t->set->page_shift;

  if (row->count == 1)
    snprintf(buf, size, "0x%" PRIx64, start);
  else
    snprintf(buf, size, "0x%" PRIx64 "-0x%" PRIx64, start, end - 1);
}

static void put_cell(struct table *t, int column, const char *text)
{
  int len = (int)strlen(text);

  if (!t->out && len > t->width[column])
    t->width[column] = len;
  if (t->out)
    fprintf(t->out, "  %-*s", t->width[column], text);
}

static const struct sighting *row_sighting(const struct row *row, uint32_t process)
{
  for (size_t i = 0; i < row->holders; i++) {
    if (row->sightings[i].process == process)
      return &row->sightings[i];
  }
  return NULL;
}

/* One line per process of a watched page whose columns are folded. */
static void put_each_process(struct table *t, const struct row *row)
{
  for (uint32_t i = 0; t->out && i < t->set->count; i++) {
    const struct sighting *s = row_sighting(row, i);
    char cell[CELL_MAX];

    if (!s)
      continue;
    frame_cell(s, 1, cell, sizeof cell);
    fprintf(t->out, "    %d ", t->set->pictures[i]->pid);
    plain_puts(t->out, t->set->pictures[i]->name);
    fprintf(t->out, ": %s\n", cell);
  }
}

static void put_row(struct table *t, const struct row *row)
{
  char cell[CELL_MAX * 2];

  address_cell(t, row, cell, sizeof cell);
  put_cell(t, COLUMN_ADDRESS, cell);
  snprintf(cell, sizeof cell, "%" PRIu64, row->count);
  put_cell(t, COLUMN_PAGES, cell);
  put_cell(t, COLUMN_WHAT, row->label);
  if (t->process_columns < t->set->count) {
    folded_cell(row, cell, sizeof cell);
    put_cell(t, COLUMN_FRAMES, cell);
  }
  for (uint32_t i = 0; t->process_columns == t->set->count && i < t->set->count; i++) {
    frame_cell(row_sighting(row, i), row->count, cell, sizeof cell);
    put_cell(t, COLUMN_FRAMES + (int)i, cell);
  }
  if (!t->out)
    return;
  verdict_words(t, row, cell, sizeof cell);
  if (t->view->colour)
    fprintf(t->out, "  %s%s\033[0m\n", verdict_colour(row->claim.verdict), cell);
  else
    fprintf(t->out, "  %s\n", cell);
  if (t->process_columns < t->set->count && is_watched(t, row->page, row->count))
    put_each_process(t, row);
}

/* What is shown without --all: the heap, watched pages, and what several processes have; everything of a lone one. */
static bool is_shown(const struct table *t, const struct row *row)
{
  if (t->view->all || is_watched(t, row->page, row->count))
    return true;
  return t->rows < ROWS_MAX && (t->heap || t->set->count == 1 || row->holders > 1);
}

static void flush_row(struct table *t)
{
  if (!t->row.count)
    return;
  if (is_shown(t, &t->row)) {
    put_row(t, &t->row);
    t->rows++;
  } else {
    t->hidden_rows++;
    t->hidden_pages += t->row.count;
  }
  t->row.count = 0;
}

/* Whether two frames' cells read alike but for the number. */
static bool same_cell(const struct sighting *a, const struct sighting *b)
{
  const uint32_t shown = VT_PG_PRESENT | VT_PG_ZERO | VT_PG_SWAPPED | (a->pfn ? 0 : VT_PG_EXCLUSIVE);

  return a->process == b->process && !a->pfn == !b->pfn && (a->state & shown) == (b->state & shown);
}

/* Whether a run reads as a continuation of the row before it. */
static bool continues(const struct table *t, const struct page_run *run)
{
  const struct row *row = &t->row;
  const struct claim *a = &row->claim, *b = &run->claim;
  size_t n = 0;

  if (!row->count || row->page + row->count != run->page || a->verdict != b->verdict || a->changed != b->changed ||
      (a->changed && a->before != b->before) || a->beside_zero != b->beside_zero || a->apart != b->apart ||
      a->some != b->some || strcmp(row->label, pages_label(t->set, run)) != 0)
    return false;
  if (is_watched(t, row->page, row->count) || is_watched(t, run->page, run->count))
    return false;
  for (size_t i = 0; i < run->sighting_count; i++) {
    if (!run->sightings[i].current)
      continue;
    if (n == row->holders || !same_cell(&row->sightings[n], &run->sightings[i]))
      return false;
    n++;
  }
  return n == row->holders;
}

static void begin_row(struct table *t, const struct page_run *run)
{
  struct row *row = &t->row;

  flush_row(t);
  row->page = run->page;
  row->count = run->count;
  row->label = pages_label(t->set, run);
  row->claim = run->claim;
  row->holders = 0;
  for (size_t i = 0; i < run->sighting_count; i++) {
    if (run->sightings[i].current)
      row->sightings[row->holders++] = run->sightings[i];
  }
  row->is_elsewhere = false;
  for (size_t i = 0; i < run->elsewhere_count; i++) {
    if (run->elsewhere[i].share.in_force) {
      row->is_elsewhere = row->holders == 1;
      row->elsewhere = run->elsewhere[i].process;
    }
  }
}

/* The part of a run before, at or after a watched page. */
static void add_part(struct table *t, const struct page_run *run, uint64_t offset, uint64_t count)
{
  struct page_run part = *run;

  part.page += offset;
  part.count = count;
  if (continues(t, &part)) {
    t->row.count += count;
    return;
  }
  begin_row(t, &part);
  for (size_t i = 0; i < t->row.holders; i++)
    t->row.sightings[i].pfn += t->row.sightings[i].pfn ? offset : 0;
}

static int add_run(void *context, const struct page_run *run)
{
  struct table *t = context;
  uint64_t done = 0;

  if (pages_is_heap(t->set, run) != t->heap)
    return 0;
  for (size_t i = 0; i < t->watched_count && done < run->count; i++) {
    uint64_t at = (t->watched[i] >> t->set->page_shift) - run->page;

    if (at < done || at >= run->count)
      continue;
    if (at > done)
      add_part(t, run, done, at - done);
    add_part(t, run, at, 1);
    done = at + 1;
  }
  if (done < run->count)
    add_part(t, run, done, run->count - done);
  return 0;
}

static void put_heading(struct table *t)
{
  char cell[CELL_MAX], name[31];

  put_cell(t, COLUMN_ADDRESS, "address");
  put_cell(t, COLUMN_PAGES, "pages");
  put_cell(t, COLUMN_WHAT, "what");
  if (t->process_columns < t->set->count)
    put_cell(t, COLUMN_FRAMES, "frames");
  for (size_t i = 0; t->process_columns == t->set->count && i < t->set->count; i++) {
    snprintf(cell, sizeof cell, "%d %s", t->set->pictures[i]->pid,
             plain_copy(name, sizeof name, t->set->pictures[i]->name, SIZE_MAX));
    put_cell(t, COLUMN_FRAMES + (int)i, cell);
  }
  if (t->out)
    putc('\n', t->out);
}

static int walk_rows(struct table *t)
{
  t->rows = t->hidden_rows = t->hidden_pages = 0;
  put_heading(t);
  for (int other = 0; other < 2; other++) {
    t->heap = !other;
    if (page_set_walk(t->set, t->view->first, t->view->end, add_run, t) < 0)
      return -1;
    flush_row(t);
  }
  return 0;
}

int pages_table(FILE *out, const struct page_set *set, const struct pages_view *view)
{
  struct table t = {.set = set, .view = view};
  uint64_t *watched = page_set_watched(set, &t.watched_count);
  int result = -1;

  t.watched = watched;
  t.process_columns = set->count <= PAGES_COLUMNS_MAX ? set->count : 1;
  t.row.sightings = xcalloc(set->count + 1, sizeof *t.row.sightings);
  if (t.row.sightings && watched)
    result = walk_rows(&t);
  t.out = out;
  if (result == 0 && t.rows)
    result = walk_rows(&t);
  if (result == 0 && !t.rows)
    fprintf(out, "  no page to show\n");
  if (result == 0 && t.hidden_rows)
    fprintf(out, "  ... and %" PRIu64 " more rows with %" PRIu64 " pages: --all shows them\n", t.hidden_rows,
            t.hidden_pages);
  free(t.row.sightings);
  free(watched);
  return result;
}
