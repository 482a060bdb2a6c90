/*
 * Keeping and finding marks.  See mark_list.h.  Called by model/digest.c for every
 * event, and by model/process_picture.c, which reads no other event of the program's.
 */
#include "model/mark_list.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/xalloc.h"

#define MARKS_FIRST 16

static bool make_room(struct marks *m)
{
  size_t room = m->room ? m->room * 2 : MARKS_FIRST;
  struct mark *more;

  if (m->count < m->room)
    return true;
  more = xreallocarray(m->all, room, sizeof *more);
  if (!more)
    return false;
  m->all = more;
  m->room = room;
  return true;
}

bool marks_event(struct marks *m, const struct event *e)
{
  char *name;

  if (e->type != VT_R_MARK)
    return true;
  name = xmalloc(e->tail_len + 1);
  if (!name || !make_room(m)) {
    free(name);
    return false;
  }
  if (e->tail_len)
    memcpy(name, e->tail, e->tail_len);
  name[e->tail_len] = '\0';
  m->all[m->count++] = (struct mark){e->time_ns, name, e->tail_len};
  return true;
}

void marks_release(struct marks *m)
{
  for (size_t i = 0; i < m->count; i++)
    free(m->all[i].name);
  free(m->all);
  *m = (struct marks){0};
}

int marks_load(struct marks *m, const char *path)
{
  struct reader *r = reader_open(path, READER_ALL);
  const struct event *e;
  int result = 0;

  *m = (struct marks){0};
  if (!r)
    return -1;
  while (result == 0 && m->count < reader_header(r)->marks && (e = reader_next(r))) {
    if (!marks_event(m, e)) {
      complain("%s: out of memory for its marks", path);
      result = -1;
    }
  }
  reader_close(r);
  return result;
}
