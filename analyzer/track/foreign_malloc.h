/*
 * Whose malloc a program calls: where it is not the library's, what the
 * program allocates is in no trace, and a report that says nothing would read as if there were nothing.
 */
#ifndef VMTRACE_FOREIGN_MALLOC_H
#define VMTRACE_FOREIGN_MALLOC_H

#include <stdbool.h>

#include "reader/reader.h"

struct own_malloc {
  char *path;      /* of the object with the malloc that the program calls; NULL: nothing is known of another one */
  bool executable; /* it is the program itself */
};

/* Takes an UNTRACED event; ignores all others.  A zeroed struct knows nothing.  False when out of memory. */
bool own_malloc_event(struct own_malloc *own, const struct vt_file_header *header, const struct event *e);
void own_malloc_release(struct own_malloc *own);

/* What to do about it, in words; a whole clause. */
const char *own_malloc_advice(const struct own_malloc *own);

#endif
