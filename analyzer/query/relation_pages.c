/*
 * Pages and the frames behind them at the session's first instant; pages that are alike are one row.
 */
#include "query/relation_list.h"
#include "query/relations.h"
#include "track/heap/heap_counts.h"
#include "track/trackers.h"

enum { P_PID, P_ADDRESS, P_PAGES, P_SIZE, P_FRAME, P_STATE, P_ALONE, P_COLUMNS };

static const struct column columns[P_COLUMNS] = {
    LIST_PID,
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 0, "of the first page", COLUMN_KEY},
    {"pages", NULL, "PAGES", COLUMN_COUNT, 0, "how many follow each other", 0},
    {"size", "size_bytes", "SIZE", COLUMN_BYTES, 1, "how many bytes these are", 0},
    {"frame", "pfn", "FRAME", COLUMN_FRAME, 0, "the frame of the first page, the others' follow; unknown: hidden", 0},
    {"state", NULL, "STATE", COLUMN_TEXT, 0, "anonymous, file, swapped, zero (the kernel's zero page) or ksm", 0},
    {"exclusive", NULL, "ALONE", COLUMN_NUMBER, 2, "1: no other process maps it, as the kernel says", 0},
};

static void *pages_list(struct session *s, const struct session_trace *t, size_t *count)
{
  bool peak = session_asked(s, 0)->kind == INSTANT_PEAK;
  const struct pages_then *then = page_states_then(session_state(t, &tracker_pages), peak ? HEAP_AT_PEAK_OF_GROUP : 0);

  *count = then ? then->pages.count : 0;
  return then ? then->pages.items : NULL;
}

static const char *state_of(uint32_t state)
{
  if (!(state & VT_PG_PRESENT))
    return state & VT_PG_SWAPPED ? "swapped" : NULL;
  return state & VT_PG_ZERO ? "zero" : state & VT_PG_KSM ? "ksm" : state & VT_PG_FILE ? "file" : "anonymous";
}

static void pages_row(struct list_row *row)
{
  const struct range *range = &((const struct range *)row->state)[row->number];
  uint32_t state = PICTURE_STATE(range->value);
  uint64_t page_size = row->trace->header->page_size;

  row->cell[P_ADDRESS] = cell_bits(range->start * page_size);
  row->cell[P_PAGES] = cell_number(range->count);
  row->cell[P_SIZE] = cell_number(range->count * page_size);
  if (PICTURE_PFN(range->value))
    row->cell[P_FRAME] = cell_bits(PICTURE_PFN(range->value));
  row->cell[P_STATE].text = state_of(state);
  row->cell[P_ALONE] = cell_number((state & VT_PG_EXCLUSIVE) != 0);
}

static const struct relation_list list = {pages_list, pages_row, NULL};
static const struct tracker *const trackers[] = {&tracker_pages, NULL};

const struct relation relation_pages = {.name = "pages",
                                        .meaning = "pages and their frames, in the latest sample by then",
                                        .columns = columns,
                                        .column_count = P_COLUMNS,
                                        .trackers = trackers,
                                        RELATION_LIST(list)};
