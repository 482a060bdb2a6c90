/*
 * The marks that the processes set, a line each, with their times: moments
 * that `vmtrace heap --at` can look at.  Called by report/pages_text.c.
 */
#include <inttypes.h>

#include "output/quantity.h"
#include "reader/plain_text.h"
#include "report/pages_parts.h"

#define SHOWN 20 /* of one process; the others are in JSON */

static void put_process(FILE *out, const struct picture *p)
{
  char text[QUANTITY_MAX];

  for (size_t i = 0; i < p->marks.count && i < SHOWN; i++) {
    const struct mark *mark = &p->marks.all[i];

    fprintf(out, "  %-8" PRId32 "  %12s  ", p->pid,
            quantity_time(text, mark->time_ns > p->start_ns ? mark->time_ns - p->start_ns : 0));
    plain_put(out, mark->name, mark->length);
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
