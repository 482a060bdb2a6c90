/*
 * One cursor for all relations that are lists.  See relation_list.h.
 */
#include "query/relation_list.h"

#include <stdlib.h>

#include "reader/xalloc.h"

struct cursor {
  const struct relation *relation;
  struct list_row row;
  size_t trace, count;
  bool begun;
};

struct cursor *relation_list_open(const struct relation *r, struct session *s)
{
  struct cursor *c = xcalloc(1, sizeof *c);

  c->relation = r;
  c->row.session = s;
  return c;
}

static void list_end(struct cursor *c)
{
  if (c->begun && c->relation->list->end)
    c->relation->list->end(c->row.state);
  c->begun = false;
}

/* Goes to the first row of the next trace that has any. */
static bool list_begin(struct cursor *c)
{
  while (c->trace < session_count(c->row.session)) {
    c->row.trace = session_trace(c->row.session, c->trace++);
    c->row.number = 0;
    c->count = 0;
    c->row.state = c->relation->list->begin(c->row.session, c->row.trace, &c->count);
    c->begun = true;
    if (c->count)
      return true;
    list_end(c);
  }
  return false;
}

bool relation_list_next(struct cursor *c, union cell *cells)
{
  if (c->begun && c->row.number == c->count)
    list_end(c);
  if (!c->begun && !list_begin(c))
    return false;
  for (unsigned i = 0; i < c->relation->column_count; i++)
    cells[i] =
        c->relation->columns[i].kind == COLUMN_TEXT ? (union cell){.text = NULL} : (union cell){.number = CELL_UNKNOWN};
  cells[0].number = c->row.trace->header->pid;
  c->row.cell = cells;
  c->relation->list->row(&c->row);
  c->row.number++;
  return true;
}

void relation_list_close(struct cursor *c)
{
  list_end(c);
  free(c);
}
