/*
 * One sample, see sample.h.  Called by sampler.c, in the helper or in a
 * thread of the program.
 *
 * A process whose pages take longer than a slice to read is sampled in
 * several: each goes on where the one before ended, and says that it is
 * partial.  The bound is on CPU time, so that a busy machine does not cut samples short.
 */
#include "frames/sample.h"

#include <time.h>

#include "base/sys.h"
#include "frames/sampler.h"

#define SLICE_NS UINT64_C(20000000) /* about 1.5 GiB of resident pages */

/* Picoseconds per page: pagemap 38 ns, scan 15 ns, comparing.  A moving average must not promise the impossible. */
#define PAGE_COST_START UINT64_C(60000)
#define PAGE_COST_MIN UINT64_C(20000)
#define PAGES_TO_LEARN 4096u /* smaller samples are mostly overhead */
#define NEW_PAGE 4           /* times that for a page not seen before: kpageflags, memory for the picture, the record */

/* Of large files, per sample, without PAGEMAP_SCAN: 0.2 ms. */
#define EXPLORE_BYTES (UINT64_C(64) << 20)

struct bound {
  uint64_t until; /* of the thread's CPU time */
  unsigned asked;
  bool (*abandon)(void);
};

static uint64_t cpu_now(void)
{
  return sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The clock of CPU time is a system call: every fourth leaf (2048 pages, 0.1 ms) will do. */
static bool is_over(void *arg)
{
  struct bound *bound = arg;

  if (bound->abandon && bound->abandon())
    return true;
  return ++bound->asked % 4 == 0 && cpu_now() >= bound->until;
}

void sample_init(struct sampling *s, const struct sampler_sink *sink)
{
  s->sink = sink;
  if (!s->page_cost)
    s->page_cost = PAGE_COST_START;
}

/* A page that is seen for the first time costs several times as much as one that is only confirmed. */
static uint64_t predict(const struct sampling *s, const struct proc_files *files)
{
  uint64_t pages = s->walk.picture.present;

  return (pages ? pages : NEW_PAGE * proc_resident(files)) * s->page_cost / 1000 + s->mapping_cost;
}

static void learn(struct sampling *s, uint64_t cost)
{
  uint64_t pages = s->walk.seen;

  if (pages < PAGES_TO_LEARN || s->walk.changes > pages / 16)
    return;
  s->page_cost = (s->page_cost * 3 + cost * 1000 / pages) / 4;
  if (s->page_cost < PAGE_COST_MIN)
    s->page_cost = PAGE_COST_MIN;
}

static void set_up_walk(struct sampling *s, const struct proc_files *files)
{
  struct present *present = &s->walk.present;

  present->files = files;
  present->vmas = &s->vmas;
  present->picture = &s->walk.picture;
  present->skip_start = s->vmas.skip_start;
  present->skip_end = s->vmas.skip_end;
  present->explore_left = EXPLORE_BYTES;
  present->incomplete = false;
  s->walk.seen = 0;
  s->walk.changes = 0;
  s->walk.merging = proc_merged(files) > 0;
}

/* From the cursor to the end, then from the start to where it began: whatever the bound, the pages that were not looked
 * at for longest come first. */
static void walk_all(struct sampling *s, struct bound *bound)
{
  uint64_t from = s->cursor;

  s->cursor = walk_pages(&s->walk, s->sink, from, SPACE_END, is_over, bound);
  if (s->cursor < SPACE_END)
    return;
  if (s->walk.present.explore_left > 0)
    s->walk.present.explore = 0; /* the window has reached the last large file: from the first one again */
  s->cursor = 0;
  if (from == 0)
    return;
  s->cursor = walk_pages(&s->walk, s->sink, 0, from, is_over, bound);
  if (s->cursor == from)
    s->cursor = 0;
}

/* What the walk leaves out, at its end: the tables of a large heap are a thirtieth of all pages, too many for each
 * slice.
 */
static void count_skipped(struct sampling *s, const struct proc_files *files)
{
  uint64_t tracer = proc_count(files, s->vmas.skip_start, s->skip_tables);
  uint64_t tables = proc_count(files, s->skip_tables, s->vmas.skip_end);
  uint64_t rss = proc_resident(files);

  if (rss == s->rss && tracer == s->tracer && tables == s->tables)
    return;
  s->rss = rss;
  s->tracer = tracer;
  s->tables = tables;
  s->sink->resident(rss, tracer, tables);
}

uint64_t sample_take(struct sampling *s, const struct proc_files *files, const struct sample_request *request)
{
  uint64_t start = cpu_now(), walked, cost;
  uint64_t limit = request->limit_ns ? request->limit_ns : SLICE_NS;
  bool partial = s->cursor != 0 || predict(s, files) > limit;
  /* What was announced as whole may take a little longer than predicted rather than become a lie. */
  struct bound bound = {start + (partial ? limit : 4 * limit), 0, request->abandon};
  uint64_t number = s->number++;

  /* Without the scan, large file mappings are only partly looked at. */
  if (!(files->flags & VT_SAMPLE_SCAN) && s->walk.present.incomplete)
    partial = true;
  set_up_walk(s, files);
  s->sink->begin(request->reason, files->flags | (partial ? VT_SAMPLE_PARTIAL : 0), number);
  /* In the middle of a series the mappings wait for its next round, if they are many. */
  if (files->maps >= 0 && (s->cursor == 0 || s->mapping_cost < limit / 4)) {
    vmas_read(&s->vmas, files->maps, s->sink);
    s->mapping_cost = cpu_now() - start;
  }
  walked = cpu_now();
  walk_all(s, &bound);
  learn(s, cpu_now() - walked);
  values_read(&s->values, files->pagemap);
  values_report(&s->values, s->sink);
  if (s->cursor == 0)
    count_skipped(s, files);
  cost = cpu_now() - start;
  s->sink->end(number, s->walk.picture.present, cost);
  return cost;
}

void sample_values(struct sampling *s, const struct proc_files *files)
{
  uint64_t start = cpu_now(), number;

  if (!values_read(&s->values, files->pagemap))
    return;
  number = s->number++;
  s->sink->begin(VT_SAMPLE_TICK, files->flags | VT_SAMPLE_PARTIAL, number);
  values_report(&s->values, s->sink);
  s->sink->end(number, s->walk.picture.present, cpu_now() - start);
}
