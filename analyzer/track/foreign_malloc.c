/*
 * Programs that have a malloc of their own.  See foreign_malloc.h.  Called by
 * track/digest.c, query/heap/heap_process.c and cmd/run/run_traces.c.
 */
#include "track/foreign_malloc.h"

#include "reader/xalloc.h"

#include <stdlib.h>
#include <string.h>

bool own_malloc_event(struct own_malloc *own, const struct vt_file_header *header, const struct event *e)
{
  char *path;

  if (e->type != VT_R_UNTRACED || e->field[0] != VT_UNTRACED_MALLOC || own->path)
    return true;
  path = xstrndup(e->tail_len ? (const char *)e->tail : "", e->tail_len);
  own->path = path;
  own->executable = !strncmp(path, header->exe, sizeof header->exe);
  return true;
}

void own_malloc_release(struct own_malloc *own)
{
  free(own->path);
  *own = (struct own_malloc){0};
}

const char *own_malloc_advice(const struct own_malloc *own)
{
  if (own->executable)
    return "to see them, build the program without an allocator of its own; what it maps is seen";
  return "to see them, put libvmtrace.so first in LD_PRELOAD; what it maps is seen";
}
