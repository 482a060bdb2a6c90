/*
 * Samples: memory over time, as the kernel counted it.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "track/pages/samples_tracker.h"

enum { S_PID, S_TIME, S_RSS, S_PRESENT, S_TRACER, S_TABLES, S_COST, S_REASON, S_NUMBER, S_COLUMNS };

static const struct column columns[S_COLUMNS] = {
    LIST_PID,
    {"time", "time_ns", "TIME", COLUMN_TIME, 0, "when the sample began", COLUMN_KEY},
    {"rss", "rss_bytes", "RSS", COLUMN_BYTES, 0, "resident memory by the kernel's count", COLUMN_ALONE},
    {"present", "present_bytes", "PRESENT", COLUMN_BYTES, 1, "bytes of the pages that the sample found", COLUMN_ALONE},
    {"tracer", "tracer_bytes", "TRACER", COLUMN_BYTES, 2, "resident memory of the tracer's own", COLUMN_ALONE},
    {"tables", "tables_bytes", "TABLES", COLUMN_BYTES, 3, "resident memory of the heap's tables", COLUMN_ALONE},
    {"cost", "cost_ns", "COST", COLUMN_DURATION, 4, "how long the sample took", 0},
    {"reason", NULL, "REASON", COLUMN_TEXT, 5, "tick, start, fork, exit or mark: why it was taken", 0},
    {"number", NULL, "NUMBER", COLUMN_NUMBER, COLUMN_HIDDEN, "the sample's number in its trace", 0},
};

static void *samples_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct memory_samples *samples = session_state(t, &tracker_samples);

  (void)s;
  *count = samples->count;
  return samples->all;
}

static union cell known(uint64_t bytes)
{
  return bytes == MEMORY_UNKNOWN ? (union cell){.number = CELL_UNKNOWN} : cell_number(bytes);
}

static void samples_row(struct list_row *row)
{
  static const char *const reasons[] = {"tick", "start", "fork", "exit", "mark"};
  const struct memory_sample *sample = &((const struct memory_sample *)row->state)[row->number];

  row->cell[S_TIME] = cell_number(sample->time_ns);
  row->cell[S_RSS] = known(sample->rss);
  row->cell[S_TRACER] = known(sample->tracer);
  row->cell[S_TABLES] = known(sample->tables);
  row->cell[S_NUMBER] = cell_number(sample->number);
  row->cell[S_REASON].text = sample->reason <= VT_SAMPLE_MARK ? reasons[sample->reason] : NULL;
  if (!sample->ended)
    return;
  row->cell[S_PRESENT] = known(sample->present);
  row->cell[S_COST] = cell_number(sample->cost_ns);
}

static const struct relation_list list = {samples_list, samples_row, NULL};
static const struct tracker *const trackers[] = {&tracker_samples, NULL};

const struct relation relation_samples = {.name = "samples",
                                          .meaning = "memory over time: what was resident, sample by sample",
                                          .columns = columns,
                                          .column_count = S_COLUMNS,
                                          .trackers = trackers,
                                          RELATION_LIST(list)};
