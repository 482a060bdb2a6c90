/*
 * Mappings of the address spaces at the session's first instant.
 */
#include <stdlib.h>

#include "query/relation_list.h"
#include "query/relations.h"
#include "reader/xalloc.h"
#include "track/heap/heap_counts.h"
#include "track/trackers.h"

enum { M_PID, M_ADDRESS, M_SIZE, M_RIGHTS, M_PATH, M_OFFSET, M_INODE, M_COLUMNS };

static const struct column columns[M_COLUMNS] = {
    LIST_PID,
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 0, "where it begins", 0},
    {"size", "size_bytes", "SIZE", COLUMN_BYTES, 0, "how long it is", 0},
    {"rights", NULL, "RIGHTS", COLUMN_TEXT, 1, "r, w, x, and p (private) or s (shared)", COLUMN_KEY},
    {"path", NULL, "PATH", COLUMN_TEXT, 0, "the file; unknown: anonymous memory", COLUMN_KEY | COLUMN_WIDE},
    {"offset", NULL, "OFFSET", COLUMN_ADDRESS, 2, "where in the file", COLUMN_KEY},
    {"inode", NULL, "INODE", COLUMN_NUMBER, COLUMN_HIDDEN, "the file's number", 0},
};

/* The mappings of one trace: ranges, and what each is of. */
struct mappings {
  const struct picture *picture;
  const struct pages_then *then;
  size_t *at; /* the ranges that are mapped */
};

static void *mappings_list(struct session *s, const struct session_trace *t, size_t *count)
{
  const struct page_states *states = session_state(t, &tracker_pages);
  bool peak = session_asked(s, 0)->kind == INSTANT_PEAK;
  const struct pages_then *then = page_states_then(states, peak ? HEAP_AT_PEAK_OF_GROUP : 0);
  struct mappings *m = xcalloc(1, sizeof *m);

  *count = 0;
  m->picture = page_states_picture(states);
  m->then = then;
  m->at = xcalloc(then ? then->vmas.count + 1 : 1, sizeof *m->at);
  for (size_t i = 0; then && i < then->vmas.count; i++) {
    if (picture_vma(m->picture, &then->vmas.items[i]))
      m->at[(*count)++] = i;
  }
  if (*count)
    return m;
  free(m->at);
  free(m);
  return NULL;
}

static void mappings_end(void *state)
{
  struct mappings *m = state;

  if (!m)
    return;
  free(m->at);
  free(m);
}

static void mappings_row(struct list_row *row)
{
  const struct mappings *m = row->state;
  const struct range *range = &m->then->vmas.items[m->at[row->number]];
  const struct vma *vma = picture_vma(m->picture, range);
  unsigned shift = m->picture->page_shift;

  row->cell[M_ADDRESS] = cell_bits(range->start << shift);
  row->cell[M_SIZE] = cell_number((uint64_t)range->count << shift);
  row->text[0][0] = vma->flags & VT_VMA_R ? 'r' : '-';
  row->text[0][1] = vma->flags & VT_VMA_W ? 'w' : '-';
  row->text[0][2] = vma->flags & VT_VMA_X ? 'x' : '-';
  row->text[0][3] = vma->flags & VT_VMA_SHARED ? 's' : 'p';
  row->text[0][4] = '\0';
  row->cell[M_RIGHTS].text = row->text[0];
  row->cell[M_PATH].text = *vma->path ? vma->path : NULL;
  if (!*vma->path)
    return;
  row->cell[M_OFFSET] = cell_bits(vma->offset + ((range->start - vma->start) << shift));
  row->cell[M_INODE] = cell_number(vma->inode);
}

static const struct relation_list list = {mappings_list, mappings_row, mappings_end};
static const struct tracker *const trackers[] = {&tracker_pages, NULL};

const struct relation relation_mappings = {.name = "mappings",
                                           .meaning = "what was mapped where, in the latest sample by then",
                                           .columns = columns,
                                           .column_count = M_COLUMNS,
                                           .trackers = trackers,
                                           RELATION_LIST(list)};
