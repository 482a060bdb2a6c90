/*
 * Values that were watched (VMTRACE_WATCH), whenever they had changed.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "track/pages/value_text.h"
#include "track/trackers.h"

enum { V_PID, V_TIME, V_ADDRESS, V_TYPE, V_VALUE, V_BITS, V_COLUMNS };

static const struct column columns[V_COLUMNS] = {
    LIST_PID,
    {"time", "time_ns", "TIME", COLUMN_TIME, 0, "when it was seen", 0},
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 0, "where it is", COLUMN_KEY},
    {"type", NULL, "TYPE", COLUMN_TEXT, 1, "int, uint, long, ulong, double or ptr", 0},
    {"value", NULL, "VALUE", COLUMN_TEXT, 0, "as a program would print it", 0},
    {"bits", NULL, "BITS", COLUMN_ADDRESS, COLUMN_HIDDEN, "its bits", 0},
};

static void *values_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct history *history = session_state(t, &tracker_history);

  (void)s;
  *count = history->picture ? history->picture->value_count : 0;
  return history->picture;
}

static void values_row(struct list_row *row)
{
  const struct picture *picture = row->state;
  const struct value_seen *value = &picture->values[row->number];

  row->cell[V_TIME] = cell_number(value->time_ns);
  row->cell[V_ADDRESS] = cell_bits(value->addr);
  row->cell[V_TYPE].text = value_type_name(value->type);
  row->cell[V_VALUE].text = value_text(row->text[0], value->type, value->bits);
  row->cell[V_BITS] = cell_bits(value->bits);
}

static const struct relation_list list = {values_list, values_row, NULL};
static const struct tracker *const trackers[] = {&tracker_history, NULL};

const struct relation relation_values = {.name = "values",
                                         .meaning = "watched values, whenever they had changed",
                                         .columns = columns,
                                         .column_count = V_COLUMNS,
                                         .trackers = trackers,
                                         RELATION_LIST(list)};
