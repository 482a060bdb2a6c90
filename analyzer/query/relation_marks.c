/*
 * Marks that programs set.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "track/digest.h"

enum { M_PID, M_TIME, M_NAME, M_COLUMNS };

static const struct column columns[M_COLUMNS] = {
    LIST_PID,
    {"time", "time_ns", "TIME", COLUMN_TIME, 0, "when it was set", 0},
    {"name", NULL, "NAME", COLUMN_TEXT, 0, "what the program calls it", COLUMN_KEY | COLUMN_WIDE},
};

static void *marks_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct digest *digest = session_state(t, &tracker_digest);

  (void)s;
  *count = digest->marks.count;
  return digest->marks.all;
}

static void marks_row(struct list_row *row)
{
  const struct mark *mark = &((const struct mark *)row->state)[row->number];

  row->cell[M_TIME] = cell_number(mark->time_ns);
  row->cell[M_NAME].text = mark->name;
}

static const struct relation_list list = {marks_list, marks_row, NULL};
static const struct tracker *const trackers[] = {&tracker_digest, NULL};

const struct relation relation_marks = {.name = "marks",
                                        .meaning = "the marks that programs set (vmtrace_mark, vmtrace_snapshot)",
                                        .columns = columns,
                                        .column_count = M_COLUMNS,
                                        .trackers = trackers,
                                        RELATION_LIST(list)};
