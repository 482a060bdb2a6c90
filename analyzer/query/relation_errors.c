/*
 * Misuse of the heap that the library saw.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "query/session_stacks.h"
#include "track/digest.h"
#include "track/trackers.h"

enum { E_PID, E_KIND, E_TIME, E_THREAD, E_ADDRESS, E_BLOCK, E_STACK, E_ALLOC_STACK, E_FREE_STACK, E_COLUMNS };

static const struct column columns[E_COLUMNS] = {
    LIST_PID,
    {"kind", NULL, "KIND", COLUMN_TEXT, 0, "double free, invalid free ...", COLUMN_KEY},
    {"time", "time_ns", "TIME", COLUMN_TIME, 3, "when", 0},
    {"thread", NULL, "THREAD", COLUMN_TEXT, 4, "who did it: its lineage", 0},
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 1, "what was passed to free", 0},
    {"block", NULL, "BLOCK", COLUMN_ADDRESS, 5, "where the block begins that this is about", 0},
    {"stack", NULL, "WHERE", COLUMN_STACK, 0, "the call stack of the misuse", COLUMN_WIDE},
    {"alloc_stack", NULL, "ALLOCATED", COLUMN_STACK, COLUMN_HIDDEN, "the one that allocated the block", 0},
    {"free_stack", NULL, "FREED", COLUMN_STACK, COLUMN_HIDDEN, "the one that freed it first", 0},
};

static void *errors_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct digest *digest = session_state(t, &tracker_digest);

  (void)s;
  *count = digest->errors->count;
  return digest;
}

static void errors_row(struct list_row *row)
{
  const struct digest *digest = row->state;
  const struct heap_error *error = &digest->errors->error[row->number];

  row->cell[E_KIND].text = heap_errors_kind(error->kind);
  row->cell[E_TIME] = cell_number(error->time_ns);
  row->cell[E_THREAD].text = reader_lineage(digest->reader, error->thread);
  row->cell[E_ADDRESS] = cell_bits(error->addr);
  if (error->block)
    row->cell[E_BLOCK] = cell_bits(error->block);
  row->cell[E_STACK] = session_stack(row->trace, error->stack);
  row->cell[E_ALLOC_STACK] = session_stack(row->trace, error->alloc_stack);
  row->cell[E_FREE_STACK] = session_stack(row->trace, error->free_stack);
}

static const struct relation_list list = {errors_list, errors_row, NULL};
static const struct tracker *const trackers[] = {&tracker_digest, &tracker_names, NULL};

const struct relation relation_errors = {.name = "errors",
                                         .meaning = "misuse of the heap: double frees and the like",
                                         .columns = columns,
                                         .column_count = E_COLUMNS,
                                         .trackers = trackers,
                                         RELATION_LIST(list),
                                         .stacks = session_stacks};
