/*
 * The marks that the processes set, a line each, with their times: moments
 * that `vmtrace heap --at` can look at.  Called by report/pages_text.c.
 */
#include <inttypes.h>

#include "report/pages_parts.h"
#include "report/quantity.h"
#include "report/utf8.h"

#define SHOWN 20 /* of one process; the others are in JSON */

/* Bytes that a terminal would obey appear as '?'. */
static void put_clean(FILE *out, const char *text, size_t n)
{
  const uint8_t *p = (const uint8_t *)text, *end = p + n;

  while (p < end) {
    size_t length = utf8_length(p, (size_t)(end - p));

    if (length > 1 || (length == 1 && *p >= 0x20 && *p != 0x7f))
      fwrite(p, 1, length, out);
    else
      putc('?', out);
    p += length ? length : 1;
  }
}

static void put_process(FILE *out, const struct picture *p)
{
  char text[QUANTITY_MAX];

  for (size_t i = 0; i < p->marks.count && i < SHOWN; i++) {
    const struct mark *mark = &p->marks.all[i];

    fprintf(out, "  %-8" PRId32 "  %12s  ", p->pid,
            quantity_time(text, mark->time_ns > p->start_ns ? mark->time_ns - p->start_ns : 0));
    put_clean(out, mark->name, mark->length);
    putc('\n', out);
  }
  if (p->marks.count > SHOWN)
    fprintf(out, "  %-8" PRId32 "  and %s more\n", p->pid,
            quantity_count(text, p->marks.count - SHOWN + p->marks.more));
}

void pages_marks_list(FILE *out, const struct page_set *set)
{
  bool any = false;

  for (size_t i = 0; i < set->count; i++) {
    if (!set->pictures[i]->marks.count)
      continue;
    if (!any)
      fprintf(out, "\n  %-8s  %12s\n", "mark by", "after");
    any = true;
    put_process(out, set->pictures[i]);
  }
}
