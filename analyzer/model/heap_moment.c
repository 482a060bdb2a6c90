/*
 * Moments: parsing, and finding them in a trace.  See heap_moment.h.  Called
 * by cmd/heap_options.c and cmd/heap.c.
 */
#include "model/heap_moment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/heap_counts.h"
#include "reader/complain.h"

#define STEP 65536 /* events between two calls of step: some milliseconds */

static bool parse_mark(const char *text, struct heap_moment *m)
{
  const char *number = strrchr(text, '#');
  char *end;

  m->kind = MOMENT_MARK;
  m->mark = text;
  m->mark_len = (unsigned)strlen(text);
  m->nth = 1;
  if (number && number[1] >= '1' && number[1] <= '9') {
    uint64_t nth = strtoull(number + 1, &end, 10);

    if (!*end) {
      m->nth = nth;
      m->mark_len = (unsigned)(number - text);
    }
  }
  return m->mark_len > 0;
}

static bool parse_time(const char *text, struct heap_moment *m)
{
  static const struct {
    const char *unit;
    double ns;
  } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"m", 6e10}, {"min", 6e10}, {"h", 3.6e12}};
  char *end;
  double value = strtod(text, &end);

  /* strtod takes more than people write: signs, hexadecimal, infinity. */
  if (end == text || !(value >= 0) || (*text != '.' && (*text < '0' || *text > '9')) || text[1] == 'x' ||
      text[1] == 'X')
    return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strcmp(end, units[i].unit) == 0 && value * units[i].ns < 0x1p62) {
      m->kind = MOMENT_TIME;
      m->offset_ns = (uint64_t)llrint(value * units[i].ns);
      return true;
    }
  }
  return false;
}

bool heap_moment_parse(const char *text, struct heap_moment *m)
{
  *m = (struct heap_moment){.kind = MOMENT_END};
  if (!strcmp(text, "end"))
    return true;
  m->kind = MOMENT_PEAK;
  if (!strcmp(text, "peak"))
    return true;
  if (!strncmp(text, "mark:", 5))
    return parse_mark(text + 5, m);
  return parse_time(text, m);
}

static bool is_mark(const struct heap_moment *m, const struct event *e)
{
  return e->type == VT_R_MARK && e->tail_len == m->mark_len && (!e->tail_len || !memcmp(e->tail, m->mark, e->tail_len));
}

/* What of the trace before a mark decides which sample belongs to it. */
struct before_mark {
  struct id_table latest; /* by stream, uint64_t: number of its latest event but marks */
  uint64_t ended_ns;      /* when the latest sample ended; 0: there was none */
  uint64_t asked;         /* number of the event that began it, if the program had asked for it and waited; else 0 */
};

static bool note_event(struct before_mark *b, const struct event *e, uint64_t number)
{
  uint64_t *latest;

  if (e->type == VT_R_SAMPLE)
    b->asked = e->field[0] == VT_SAMPLE_MARK ? number : 0;
  if (e->type == VT_R_SAMPLE_END)
    b->ended_ns = e->time_ns;
  if (e->type == VT_R_MARK || e->thread >= ID_TABLE_LIMIT)
    return true;
  latest = id_table_make(&b->latest, e->thread);
  if (latest)
    *latest = number;
  return latest != NULL;
}

/* A thread that asked for the latest sample, and did nothing since: however long the machine took, it is that sample
 * that the mark is about. */
static bool is_snapshot(const struct before_mark *b, uint32_t thread)
{
  const uint64_t *latest = thread < ID_TABLE_LIMIT ? id_table_get(&b->latest, thread) : NULL;

  return b->asked && (!latest || *latest < b->asked);
}

/*
 * The sample nearest to a mark, whose time instant has: it asks for one that begins as soon
 * as it may, but is not waited for.
 */
static void find_sample(struct reader *r, uint64_t ended_ns, struct heap_instant *instant)
{
  uint64_t age = instant->time_ns > ended_ns ? instant->time_ns - ended_ns : 0;
  const struct event *e;

  while ((e = reader_next(r))) {
    uint64_t later = e->time_ns > instant->time_ns ? e->time_ns - instant->time_ns : 0;

    if (later >= age)
      return;
    if (e->type == VT_R_SAMPLE && !(e->field[1] & VT_SAMPLE_PARTIAL)) {
      instant->pages_ns = e->time_ns;
      return;
    }
  }
}

/* Reads up to the nth mark. */
static int find_mark(struct reader *r, const struct heap_moment *m, struct heap_instant *instant, heap_step step,
                     void *arg)
{
  struct before_mark before = {0};
  uint64_t events = 0, found = 0;
  const struct event *e;
  bool good = id_table_init(&before.latest, sizeof(uint64_t));

  while (good && (e = reader_next(r))) {
    if (++events % STEP == 0 && step)
      step(arg, reader_progress(r));
    if (is_mark(m, e) && ++found == m->nth) {
      *instant = (struct heap_instant){e->time_ns, events, e->time_ns, found};
      if (!is_snapshot(&before, e->thread))
        find_sample(r, before.ended_ns, instant);
      id_table_release(&before.latest);
      return 0;
    }
    good = note_event(&before, e, events);
  }
  id_table_release(&before.latest);
  if (!good)
    complain("%s: out of memory", reader_path(r));
  instant->found = found;
  return good ? HEAP_MARK_MISSING : -1;
}

static int find_peak(struct reader *r, struct heap_instant *instant, heap_step step, void *arg)
{
  struct heap_counts counts;
  uint64_t events = 0;
  const struct event *e;

  if (!heap_counts_init(&counts, reader_header(r)->page_size)) {
    complain("%s: out of memory", reader_path(r));
    return -1;
  }
  while ((e = reader_next(r))) {
    if (++events % STEP == 0 && step)
      step(arg, reader_progress(r));
    heap_counts_event(&counts, e);
  }
  heap_counts_flush(&counts);
  *instant = (struct heap_instant){counts.peak_ns, counts.peak_events, counts.peak_ns, 0};
  heap_counts_release(&counts);
  return 0;
}

int heap_instant_find(const char *path, const struct heap_moment *m, struct heap_instant *instant, heap_step step,
                      void *arg)
{
  struct reader *r;
  int result = 0;

  *instant = (struct heap_instant){UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};
  if (m->kind == MOMENT_END)
    return 0;
  r = reader_open(path, READER_ALL);
  if (!r)
    return -1;
  if (m->kind == MOMENT_TIME)
    instant->time_ns = instant->pages_ns = reader_header(r)->start_ns + m->offset_ns;
  else if (m->kind == MOMENT_MARK)
    result = find_mark(r, m, instant, step, arg);
  else
    result = find_peak(r, instant, step, arg);
  reader_close(r);
  return result;
}

void heap_mark_complain(const char *path, const struct heap_moment *m, const struct heap_instant *instant)
{
  if (instant->found)
    complain("%s: mark '%.*s' was set %llu times only", path, (int)m->mark_len, m->mark,
             (unsigned long long)instant->found);
  else
    complain("%s: there is no mark '%.*s'", path, (int)m->mark_len, m->mark);
}
