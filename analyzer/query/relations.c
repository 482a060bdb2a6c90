/*
 * The table of relations.  See relation.h.
 */
#include "query/relations.h"

#include <string.h>

const struct relation *const *relations(void)
{
  static const struct relation *const table[] = {
#define X(name) &relation_##name,
      RELATIONS(X)
#undef X
          NULL,
  };

  return table;
}

const struct relation *relation_find(const char *name)
{
  const struct relation *const *r = relations();

  while (*r && strcmp((*r)->name, name) != 0)
    r++;
  return *r;
}

unsigned relation_column(const struct relation *r, const char *name)
{
  unsigned i = 0;

  while (i < r->column_count && strcmp(r->columns[i].name, name) != 0)
    i++;
  return i;
}
