/*
 * See relation_run.h.
 */
#include "query/relation_run.h"

#include "query/rows.h"

void relation_want(const struct relation *r, struct session *s)
{
  /* What some show is as of the first instant. */
  if (!session_instants(s))
    session_at(s, &(struct instant){.kind = INSTANT_END});
  for (const struct tracker *const *tracker = r->trackers; *tracker; tracker++)
    session_want(s, *tracker);
}

struct table *relation_load(const struct relation *r, struct session *s)
{
  struct row_source source = rows_of_relation(r, s);

  return table_load(&source);
}
