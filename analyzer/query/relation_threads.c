/*
 * Threads: those of the programs, and the tracer's samplers.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "track/threads_tracker.h"

enum { T_PID, T_THREAD, T_TID, T_START, T_END, T_LIFE, T_NAME, T_ROLE, T_COLUMNS };

static const struct column columns[T_COLUMNS] = {
    LIST_PID,
    {"thread", NULL, "THREAD", COLUMN_TEXT, 0, "its lineage: 0 is the first, 0.1 the first that this one made",
     COLUMN_KEY},
    {"tid", NULL, "TID", COLUMN_NUMBER, 3, "the kernel's number", 0},
    {"start", "start_ns", "START", COLUMN_TIME, 2, "when it began", 0},
    {"end", "end_ns", "END", COLUMN_TIME, 4, "when it ended; unknown: it left no word", 0},
    {"life", "life_ns", "LIFE", COLUMN_DURATION, 1, "from start to end", COLUMN_ALONE},
    {"name", NULL, "NAME", COLUMN_TEXT, 0, "the name that it was given last", 0},
    {"role", NULL, "ROLE", COLUMN_TEXT, COLUMN_HIDDEN,
     "program, sampler (the tracer's own) or adopted (of an unknown creator)", 0},
};

static void *threads_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct threads_seen *threads = session_state(t, &tracker_threads);

  (void)s;
  *count = threads->count;
  return threads;
}

static void threads_row(struct list_row *row)
{
  static const char *const roles[] = {"program", "sampler", "adopted"};
  const struct threads_seen *threads = row->state;
  const struct thread_seen *thread = &threads->all[row->number];

  row->cell[T_THREAD].text = reader_lineage(threads->reader, thread->stream);
  row->cell[T_TID] = cell_number(thread->tid);
  row->cell[T_START] = cell_number(thread->start_ns);
  if (thread->end_ns) {
    row->cell[T_END] = cell_number(thread->end_ns);
    row->cell[T_LIFE] = cell_number(thread->end_ns - thread->start_ns);
  }
  row->cell[T_NAME].text = *thread->name ? thread->name : NULL;
  row->cell[T_ROLE].text = thread->role <= VT_ROLE_ADOPTED ? roles[thread->role] : NULL;
}

static const struct relation_list list = {threads_list, threads_row, NULL};
static const struct tracker *const trackers[] = {&tracker_threads, NULL};

const struct relation relation_threads = {.name = "threads",
                                          .meaning = "the threads of the programs",
                                          .columns = columns,
                                          .column_count = T_COLUMNS,
                                          .trackers = trackers,
                                          RELATION_LIST(list)};
