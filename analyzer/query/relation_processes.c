/*
 * Processes: a row per trace, that is per program image: exec begins another.
 * What is said of a moment is said of the session's first instant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/relations.h"
#include "query/residence.h"
#include "query/session/session.h"
#include "reader/xalloc.h"
#include "track/pages/samples_tracker.h"
#include "track/trackers.h"

#define INSTANT 0u /* of those that the session was asked for */

_Static_assert(CELL_UNKNOWN == RESIDENCE_UNKNOWN, "what is not known stays so");

enum {
  P_PID,
  P_PPID,
  P_THREADS,
  P_PEAK,
  P_RSS,
  P_RSS_PEAK,
  P_PSS,
  P_PRIVATE,
  P_COPIED,
  P_LIVE,
  P_LIVE_BLOCKS,
  P_EVENTS,
  P_ALLOCATIONS,
  P_FREES,
  P_REQUESTED,
  P_LOST,
  P_START,
  P_END,
  P_LIFE,
  P_HOW,
  P_COMMAND,
  P_EXE,
  P_HOST,
  P_ENDED,
  P_STATUS,
  P_BOOT,
  P_TRACE_ID,
  P_PARENT_ID,
  P_FORKED,
  P_TRACE,
  P_COLUMNS
};

static const struct column columns[P_COLUMNS] = {
    [P_PID] = {"pid", NULL, "PID", COLUMN_NUMBER, 0, "the process", 0},
    [P_PPID] = {"ppid", NULL, "PPID", COLUMN_NUMBER, COLUMN_HIDDEN, "its parent when tracing began", 0},
    [P_THREADS] = {"threads", NULL, "THREADS", COLUMN_COUNT, COLUMN_HIDDEN, "threads that the program ran", 0},
    [P_PEAK] = {"peak", "peak_live_bytes", "PEAK", COLUMN_BYTES, 1, "the most bytes that were live at once",
                COLUMN_ALONE},
    [P_RSS] = {"rss", "rss_bytes", "RSS", COLUMN_BYTES, 2,
               "resident memory by the kernel's count, in the latest sample by then", 0},
    [P_RSS_PEAK] = {"rss_peak", "rss_peak_bytes", "RSS PEAK", COLUMN_BYTES, COLUMN_HIDDEN,
                    "the highest Rss of all samples", COLUMN_ALONE},
    [P_PSS] = {"pss", "pss_bytes", "PSS", COLUMN_BYTES, 6,
               "resident memory, each page divided by the processes that have it", 0},
    [P_PRIVATE] = {"private", "private_bytes", "PRIVATE", COLUMN_BYTES, 4,
                   "resident memory that no other process has (USS)", 0},
    [P_COPIED] = {"copied", "copied_bytes", "COPIED", COLUMN_BYTES, 7,
                  "of the pages inherited at the fork: those that it wrote to, and has copies of", 0},
    [P_LIVE] = {"live", "live_bytes", "LIVE", COLUMN_BYTES, 4, "bytes allocated and not freed", 0},
    [P_LIVE_BLOCKS] = {"live_blocks", NULL, "BLOCKS", COLUMN_COUNT, COLUMN_HIDDEN, "blocks allocated and not freed", 0},
    [P_EVENTS] = {"events", NULL, "EVENTS", COLUMN_COUNT, 5, "records in the trace", 0},
    [P_ALLOCATIONS] = {"allocations", NULL, "ALLOCS", COLUMN_COUNT, COLUMN_HIDDEN, "allocations of the whole run", 0},
    [P_FREES] = {"frees", NULL, "FREES", COLUMN_COUNT, COLUMN_HIDDEN, "frees of the whole run", 0},
    [P_REQUESTED] = {"requested", "requested_bytes", "REQUESTED", COLUMN_BYTES, COLUMN_HIDDEN,
                     "bytes of all allocations", 0},
    [P_LOST] = {"lost", NULL, "LOST", COLUMN_COUNT, 9, "events that the program made and the trace does not have", 0},
    [P_START] = {"start", "start_ns", "START", COLUMN_TIME, COLUMN_HIDDEN, "when tracing began", 0},
    [P_END] = {"end", "end_ns", "END", COLUMN_TIME, COLUMN_HIDDEN, "when it ended, or its last sign of life", 0},
    [P_LIFE] = {"life", "life_ns", "LIFE", COLUMN_DURATION, 8, "from start to end", COLUMN_ALONE},
    [P_HOW] = {"how", NULL, "ENDED", COLUMN_TEXT, 3, "how it ended, in words", 0},
    [P_COMMAND] = {"command", NULL, "COMMAND", COLUMN_TEXT, 0, "its command line, without the program's directory",
                   COLUMN_KEY},
    [P_EXE] = {"exe", NULL, "EXECUTABLE", COLUMN_TEXT, COLUMN_HIDDEN, "the executable's path", 0},
    [P_HOST] = {"host", NULL, "HOST", COLUMN_TEXT, COLUMN_HIDDEN, "the machine's name", 0},
    [P_ENDED] = {"ended", NULL, "HOW", COLUMN_TEXT, COLUMN_HIDDEN, "exit, signal, exec or unknown", 0},
    [P_STATUS] = {"status", NULL, "STATUS", COLUMN_NUMBER, COLUMN_HIDDEN, "the exit status, or the signal's number", 0},
    [P_BOOT] = {"boot_id", NULL, "BOOT", COLUMN_TEXT, COLUMN_HIDDEN, "the machine's boot", 0},
    [P_TRACE_ID] = {"trace_id", NULL, "TRACE ID", COLUMN_TEXT, COLUMN_HIDDEN, "the trace's own number", 0},
    [P_PARENT_ID] = {"parent_id", NULL, "PARENT ID", COLUMN_TEXT, COLUMN_HIDDEN,
                     "of the image that it was forked or executed from", 0},
    [P_FORKED] = {"origin", NULL, "ORIGIN", COLUMN_TEXT, COLUMN_HIDDEN, "fork, image or unknown: how it came to be", 0},
    [P_TRACE] = {"trace", NULL, "TRACE", COLUMN_TEXT, COLUMN_HIDDEN, "the trace's file", 0},
};

struct cursor {
  struct session *session;
  size_t next;
  struct residence *residence; /* per trace */
  /* Texts of the row at hand. */
  char *command, how[64], boot[33], trace_id[33], parent_id[33];
};

static struct cursor *processes_open(const struct relation *r, struct session *s)
{
  struct cursor *c = xcalloc(1, sizeof *c);

  (void)r;
  c->session = s;
  c->residence = residence_find(s, INSTANT);
  return c;
}

static void processes_close(struct cursor *c)
{
  free(c->command);
  free(c->residence);
  free(c);
}

/* Arguments with blanks between them; of the program only its name. */
static char *command_of(const struct vt_file_header *h)
{
  size_t n = h->cmdline_len < sizeof h->cmdline ? h->cmdline_len : sizeof h->cmdline;
  const char *slash;
  char *text;

  while (n && !h->cmdline[n - 1])
    n--;
  if (!n) {
    slash = strrchr(h->exe, '/');
    return xstrdup(slash ? slash + 1 : h->exe);
  }
  text = xmemdup0(h->cmdline, n);
  slash = strrchr(text, '/');
  slash = slash ? slash + 1 : text;
  n -= (size_t)(slash - text);
  memmove(text, slash, n + 1);
  for (size_t i = 0; i < n; i++)
    text[i] = text[i] ? text[i] : ' ';
  return text;
}

static void hex_of(char out[33], const uint8_t id[16])
{
  for (unsigned i = 0; i < 16; i++)
    snprintf(out + 2 * i, 3, "%02x", id[i]);
}

static const char *how_of(struct cursor *c, const struct vt_file_header *h)
{
  const char *name;

  switch (h->ended) {
  case VT_ENDED_EXIT:
    snprintf(c->how, sizeof c->how, "exit %d", h->end_status);
    return c->how;
  case VT_ENDED_SIGNAL:
    name = sigabbrev_np(h->end_status);
    if (name)
      snprintf(c->how, sizeof c->how, "SIG%s", name);
    else
      snprintf(c->how, sizeof c->how, "signal %d", h->end_status);
    return c->how;
  case VT_ENDED_EXEC:
    return "exec";
  default:
    return "unknown";
  }
}

static const char *ended_of(const struct vt_file_header *h)
{
  static const char *const words[] = {"unknown", "exit", "signal", "exec"};

  return words[h->ended <= VT_ENDED_EXEC ? h->ended : 0];
}

static const char *origin_of(const struct vt_file_header *h)
{
  static const char *const words[] = {"unknown", "fork", "image"};

  return words[h->origin <= VT_ORIGIN_IMAGE ? h->origin : 0];
}

static union cell number(uint64_t n)
{
  return (union cell){.number = n > INT64_MAX ? INT64_MAX : (int64_t)n};
}

static const union cell unknown = {.number = CELL_UNKNOWN};

static void put_identity(struct cursor *c, const struct session_trace *t, union cell *row)
{
  const struct vt_file_header *h = t->header;

  free(c->command);
  c->command = command_of(h);
  hex_of(c->boot, h->boot_id);
  hex_of(c->trace_id, h->trace_id);
  hex_of(c->parent_id, h->parent_id);
  row[P_PID] = (union cell){.number = h->pid};
  row[P_PPID] = (union cell){.number = h->ppid};
  row[P_COMMAND].text = c->command;
  row[P_EXE].text = h->exe;
  row[P_HOST].text = h->host;
  row[P_HOW].text = how_of(c, h);
  row[P_ENDED].text = ended_of(h);
  row[P_STATUS] =
      (union cell){.number = h->ended == VT_ENDED_EXIT || h->ended == VT_ENDED_SIGNAL ? h->end_status : CELL_UNKNOWN};
  row[P_BOOT].text = c->boot;
  row[P_TRACE_ID].text = c->trace_id;
  row[P_PARENT_ID].text = c->parent_id;
  row[P_FORKED].text = origin_of(h);
  row[P_TRACE].text = t->path;
}

static void put_life(const struct session_trace *t, union cell *row)
{
  row[P_THREADS] = number(reader_threads(t->reader));
  row[P_EVENTS] = number(t->events);
  row[P_LOST] = number(t->header->lost);
  row[P_START] = number(t->start_ns);
  row[P_END] = number(t->end_ns);
  row[P_LIFE] = number(t->end_ns > t->start_ns ? t->end_ns - t->start_ns : 0);
}

static void put_heap(const struct cursor *c, const struct session_trace *t, union cell *row)
{
  const struct heap_counts *counts = session_state(t, &tracker_blocks);
  bool peak = session_asked(c->session, INSTANT)->kind == INSTANT_PEAK;
  const struct heap_then *then = heap_counts_then(counts, peak ? HEAP_AT_PEAK_OF_GROUP : INSTANT);

  row[P_PEAK] = number(counts->total.peak);
  row[P_LIVE] = then ? number(then->total.live) : unknown;
  row[P_LIVE_BLOCKS] = then ? number(then->total.live_blocks) : unknown;
  row[P_ALLOCATIONS] = number(counts->total.allocations);
  row[P_FREES] = number(counts->total.frees);
  row[P_REQUESTED] = number(counts->total.requested);
}

static void put_residence(const struct cursor *c, const struct session_trace *t, union cell *row)
{
  const struct memory_samples *samples = session_state(t, &tracker_samples);
  const struct residence *r = &c->residence[t->number];

  row[P_RSS].number = r->rss;
  row[P_PSS].number = r->proportional;
  row[P_PRIVATE].number = r->private_;
  row[P_COPIED].number = r->copied;
  row[P_RSS_PEAK] = samples->rss_peak == MEMORY_UNKNOWN ? unknown : number(samples->rss_peak);
}

static bool processes_next(struct cursor *c, union cell *row)
{
  const struct session_trace *t;

  if (c->next == session_count(c->session))
    return false;
  t = session_trace(c->session, c->next++);
  put_identity(c, t, row);
  put_life(t, row);
  put_heap(c, t, row);
  put_residence(c, t, row);
  return true;
}

static const struct tracker *const trackers[] = {&tracker_blocks, &tracker_samples, &tracker_pages, NULL};

const struct relation relation_processes = {
    .name = "processes",
    .meaning = "the program images that were traced",
    .columns = columns,
    .column_count = P_COLUMNS,
    .trackers = trackers,
    .open = processes_open,
    .next = processes_next,
    .close = processes_close,
};
