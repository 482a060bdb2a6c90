/*
 * One frame at different addresses in different processes: libraries under
 * ASLR, shared memory mapped wherever there was room.
 */
#ifndef VMTRACE_ELSEWHERE_H
#define VMTRACE_ELSEWHERE_H

#include "query/verdict/kin.h"
#include "query/verdict/verdict.h"
#include "track/pages/process_picture.h"

/* Per process a list by page number; a range's value is the index of its item, whose page belongs to the range's
 * first page. */
struct elsewhere_index {
  struct range_list *lists;
  size_t process_count;
  struct elsewhere *items;
  size_t count, room;
};

/* Fills an index that is all zero.  0, or -1 when memory is exhausted; free it in either case. */
int elsewhere_find(struct elsewhere_index *index, struct picture *const *pictures, size_t count, const struct kin *kin);
void elsewhere_free(struct elsewhere_index *index);

#endif
