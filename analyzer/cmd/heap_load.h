/*
 * Loading the traces of `vmtrace heap`: each at its moment, compared with the
 * others, and with what it inherited from those that are its ancestors.
 */
#ifndef VMTRACE_HEAP_LOAD_H
#define VMTRACE_HEAP_LOAD_H

#include <stddef.h>

#include "model/heap_moment.h"
#include "model/heap_process.h"

/* Traces that are reported together. */
struct heap_set {
  struct heap_process **process; /* in the order given */
  size_t count;
};

/* Loads what can be loaded, each trace once; EXIT_FINE, or EXIT_UNREADABLE after a line on stderr for what cannot. */
int heap_set_load(char **traces, size_t count, const struct heap_moment *at, enum heap_extent extent,
                  struct heap_set *set);
void heap_set_release(struct heap_set *set);

#endif
