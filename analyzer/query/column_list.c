/*
 * See column_list.h.
 */
#include "query/column_list.h"

#include <string.h>

#include "reader/xalloc.h"

char *column_names(const struct column *columns, unsigned count)
{
  size_t size = 1;
  char *text, *end;

  for (unsigned i = 0; i < count; i++)
    size += strlen(columns[i].name) + 2;
  end = text = xmalloc(size);
  for (unsigned i = 0; i < count; i++) {
    if (i)
      end = stpcpy(end, ", ");
    end = stpcpy(end, columns[i].name);
  }
  *end = '\0';
  return text;
}
