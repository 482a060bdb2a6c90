/*
 * Modules: executables and shared objects, and when each was mapped where.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "track/trackers.h"

enum { M_PID, M_ADDRESS, M_SIZE, M_FROM, M_UNTIL, M_NAME, M_BUILD_ID, M_PATH, M_COLUMNS };

static const struct column columns[M_COLUMNS] = {
    LIST_PID,
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 1, "where it begins", 0},
    {"size", "size_bytes", "SIZE", COLUMN_BYTES, 2, "how much of the address space it takes", COLUMN_ALONE},
    {"from_time", "from_ns", "FROM", COLUMN_TIME, 3, "when it was loaded", 0},
    {"until_time", "until_ns", "UNTIL", COLUMN_TIME, 4, "when it was unloaded; unknown: never", 0},
    {"name", NULL, "NAME", COLUMN_TEXT, 0, "the last part of its path", COLUMN_KEY},
    {"build_id", NULL, "BUILD ID", COLUMN_TEXT, 5, "the build that the file was of", COLUMN_KEY},
    {"path", NULL, "PATH", COLUMN_TEXT, COLUMN_HIDDEN, "its path", 0},
};

static void *modules_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct names *names = session_state(t, &tracker_names);

  (void)s;
  *count = names->modules.count;
  return names->modules.item;
}

static void modules_row(struct list_row *row)
{
  const struct module *module = ((struct module *const *)row->state)[row->number];

  row->cell[M_ADDRESS] = cell_bits(module->start);
  row->cell[M_SIZE] = cell_number(module->end - module->start);
  row->cell[M_FROM] = cell_number(module->from_ns);
  if (module->to_ns < INT64_MAX)
    row->cell[M_UNTIL] = cell_number(module->to_ns);
  row->cell[M_NAME].text = module->name;
  row->cell[M_BUILD_ID].text = module->build_id && *module->build_id ? module->build_id : NULL;
  row->cell[M_PATH].text = module->path;
}

static const struct relation_list list = {modules_list, modules_row, NULL};
static const struct tracker *const trackers[] = {&tracker_names, NULL};

const struct relation relation_modules = {.name = "modules",
                                          .meaning = "executables and libraries, and where they were mapped",
                                          .columns = columns,
                                          .column_count = M_COLUMNS,
                                          .trackers = trackers,
                                          RELATION_LIST(list)};
