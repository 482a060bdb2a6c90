/*
 * Keeping and finding marks.  See mark_list.h.  Called by track/digest.c for every
 * event, and by track/pages/process_picture.c, which reads no other event of the program's.
 */
#include "track/mark_list.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

void marks_event(struct marks *m, const struct event *e)
{
  if (e->type != VT_R_MARK)
    return;
  if (m->count == MARKS_KEPT) {
    m->more++;
    return;
  }
  m->all = xgrow(m->all, m->count, &m->room, sizeof *m->all);
  m->all[m->count++] = (struct mark){e->time_ns, xmemdup0(e->tail, e->tail_len), e->tail_len};
}

void marks_release(struct marks *m)
{
  for (size_t i = 0; i < m->count; i++)
    free(m->all[i].name);
  free(m->all);
  *m = (struct marks){0};
}
