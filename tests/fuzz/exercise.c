/*
 * The body of mutate and fuzz_reader: the commands' own code on one file,
 * within this process.
 */
#include "exercise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/output_format.h"
#include "pack/columns.h"
#include "query/heap/call_tree.h"
#include "query/heap/heap_process.h"
#include "query/pictures.h"
#include "query/verdict/page_set.h"
#include "reader/xalloc.h"
#include "report/event_line.h"
#include "report/heap_report.h"
#include "report/info_report.h"
#include "report/pages_report.h"
#include "track/digest.h"

static FILE *nowhere(void)
{
  static FILE *out;

  if (!out)
    out = fopen("/dev/null", "w");
  if (!out)
    abort();
  return out;
}

static void info(const char *path)
{
  char *paths[] = {(char *)path};
  struct session *s = session_open(paths, 1);
  const struct digest *digest;
  struct json_writer json;

  session_want(s, &tracker_digest);
  session_run(s);
  if (session_count(s)) {
    digest = session_state(session_trace(s, 0), &tracker_digest);
    info_text(nowhere(), digest);
    json_begin(&json, nowhere());
    info_json(&json, digest);
    json_finish(&json);
  }
  session_close(s);
}

static void dump(const char *path)
{
  static struct emit emit;
  struct event_line line = {.emit = &emit, .reader = reader_open(path, READER_ALL), .old_size = 7};
  const struct event *e;

  if (!line.reader)
    return;
  emit_init(&emit, nowhere());
  while ((e = reader_next((struct reader *)line.reader))) {
    if (!reader_op_name(e->type))
      continue;
    event_line_text(&line, e);
    event_line_json(&line, e);
  }
  emit_flush(&emit);
  reader_close((struct reader *)line.reader);
}

/* The same trace as two processes, so that there is something to compare. */
static void pages(const char *path)
{
  struct picture **pictures = calloc(2, sizeof(struct picture *)), **one;
  const struct pages_view view = {.end = PAGES_EVERYTHING, .all = true};
  char *paths[] = {(char *)path};
  struct page_set *set;
  size_t n = 0, loaded, failed;

  for (unsigned i = 0; i < 2; i++) {
    one = pictures_load(paths, 1, &loaded, &failed);
    if (one)
      pictures[n++] = one[0];
    free(one);
  }
  if (!n) {
    free(pictures);
    return;
  }
  set = page_set_new(pictures, n);
  if (!set)
    return;
  pages_json(nowhere(), set, &view);
  pages_text(nowhere(), set, &view);
  page_set_free(set);
}

/* Every shape of the report, at the peak. */
static void heap_shapes(struct heap_process *p)
{
  struct symbols *symbols = symbols_open();
  struct call_tree tree;
  struct heap_report report = {.tree = &tree, .processes = &p, .count = 1, .top = 30, .sort = HEAP_LIVE};

  if (!symbols || !call_tree_init(&tree, symbols, CALL_BY_LINE) || !call_tree_add(&tree, p, HEAP_WHOLE_RUN, 1))
    abort();
  heap_process_totals(p, HEAP_WHOLE_RUN, &report.totals);
  for (report.shape = HEAP_SITES; report.shape <= HEAP_TREE_INVERTED; report.shape++)
    heap_text(nowhere(), &report);
  heap_format(nowhere(), &report, format_find("folded", SHAPE_GRAPH));
  heap_json(nowhere(), &report, true, true);
  call_tree_release(&tree);
  symbols_close(symbols);
}

/* The pages of two instants as those of two processes, so that frames are shared. */
static void compare_frames(const struct session_trace *t, const unsigned number[2])
{
  const struct page_states *states = session_state(t, &tracker_pages);
  struct heap_pages *pages[2];

  for (unsigned i = 0; i < 2; i++)
    pages[i] = heap_pages_new(page_states_picture(states), page_states_then(states, number[i]));
  heap_pages_compare(pages, 2);
  for (unsigned i = 0; i < 2; i++)
    heap_pages_free(pages[i]);
}

static void heap(const char *path)
{
  const struct instant at[] = {
      {.kind = INSTANT_PEAK}, {.kind = INSTANT_START_PLUS, .offset_ns = 1000000}, {.kind = INSTANT_END}};
  char *copy = strdup(path);
  struct session *s = session_open(&copy, 1);

  for (unsigned i = 0; i < 3; i++)
    session_at(s, &at[i]);
  heap_set_want(s);
  session_run(s);
  for (unsigned i = 0; i < 3 && session_count(s); i++) {
    struct heap_set set;

    heap_set_at(s, i, &set);
    if (set.count)
      heap_shapes(set.process[0]);
    heap_set_release(&set);
  }
  if (session_count(s))
    compare_frames(session_trace(s, 0), (const unsigned[]){HEAP_AT_PEAK_OF_GROUP, 2});
  session_close(s);
  free(copy);
}

void exercise(const char *path)
{
  columns_serve_reader();
  heap(path);
  info(path);
  dump(path);
  pages(path);
}
