/*
 * The table of formats.  See output_format.h.
 */
#include "output/output_format.h"

#include <stdlib.h>
#include <string.h>

#include "output/formats.h"
#include "reader/xalloc.h"

const struct format *const *formats(void)
{
  static const struct format *const table[] = {
#define X(name) &format_##name,
      FORMATS(X)
#undef X
          NULL,
  };

  return table;
}

unsigned format_shapes(const struct format *f)
{
  return (f->table ? SHAPE_TABLE : 0u) | (f->graph ? SHAPE_GRAPH : 0u) | (f->space ? SHAPE_SPACE : 0u) |
         (f->rows ? SHAPE_ROWS : 0u);
}

const struct format *format_find(const char *name, unsigned shapes)
{
  for (const struct format *const *f = formats(); *f; f++) {
    if (!strcmp((*f)->name, name))
      return format_shapes(*f) & shapes ? *f : NULL;
  }
  return NULL;
}

/* Joins what put says of each suitable format, with last before the last one. */
static char *formats_join(unsigned shapes, const char *last, char *(*put)(const struct format *f, bool first))
{
  char *text = xstrdup(""), *item = NULL;

  for (const struct format *const *f = formats(); *f; f++) {
    char *more;

    if (!(format_shapes(*f) & shapes))
      continue;
    if (item) {
      more = xasprintf("%s%s%s", text, *text ? ", " : "", item);
      free(text);
      text = more;
    }
    more = put(*f, !item);
    free(item);
    item = more;
  }
  if (item) {
    char *more = xasprintf("%s%s%s", text, *text ? last : "", item);

    free(text);
    free(item);
    text = more;
  }
  return text;
}

static char *put_name(const struct format *f, bool first)
{
  (void)first;
  return xstrdup(f->name);
}

static char *put_meaning(const struct format *f, bool first)
{
  return xasprintf("%s (%s%s)", f->name, f->meaning, first ? "; the default" : "");
}

char *format_names(unsigned shapes)
{
  return formats_join(shapes, " or ", put_name);
}

char *format_help(unsigned shapes)
{
  return formats_join(shapes, ", ", put_meaning);
}
