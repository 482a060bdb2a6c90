/*
 * What a present page is that belongs to no block and to no mapping of the
 * program's own: part of the heap, of a file, of a stack ...
 */
#ifndef VMTRACE_HEAP_REST_H
#define VMTRACE_HEAP_REST_H

#include "query/heap/heap_resident.h"

/* A walk over a process's mappings side by side with pages that ascend. */
struct heap_vmas {
  const struct picture *picture;
  size_t at;      /* in picture->vmas */
  bool is_orphan; /* what it inherited from its parent is not known */
};

struct heap_vmas heap_vmas_begin(const struct picture *p, bool is_orphan);

/* What page is, in that state (VT_PG_*); pages must come in ascending order. */
enum heap_rest heap_rest_of(struct heap_vmas *v, uint64_t page, uint32_t state);

#endif
