/*
 * One process's heap: what each call stack allocated, what of it is live and
 * resident at a moment, and what the stacks are.
 */
#ifndef VMTRACE_HEAP_PROCESS_H
#define VMTRACE_HEAP_PROCESS_H

#include "model/foreign_malloc.h"
#include "model/heap_counts.h"
#include "model/heap_heritage.h"
#include "model/heap_moment.h"
#include "model/heap_pages.h"
#include "model/heap_resident.h"
#include "model/modules.h"
#include "model/stack_nodes.h"

struct heap_process {
  struct vt_file_header header;
  char *path;
  struct id_table nodes; /* struct stack_node by call stack id */
  struct modules modules;
  struct own_malloc own_malloc;
  struct heap_counts counts;        /* of the whole trace */
  struct id_table then;             /* struct heap_count by call stack id: at the moment */
  struct heap_count then_total;     /* at the moment */
  struct heap_residences residence; /* at the moment */
  struct heap_instant instant;
  uint64_t moment_ns; /* since the trace began */
  uint64_t sample_ns; /* since the trace began: when the pages were seen */
  uint64_t events;
  uint64_t lost; /* events that the trace does not have */
  uint64_t without_stack;
  bool is_orphan; /* it was forked, and the trace of its parent is not here */
};

/* How much of a trace is read. */
enum heap_extent {
  HEAP_READ_ALL,
  HEAP_READ_UNTIL /* to the instant: what is said about the whole run then ends there */
};

/*
 * Reads a trace.  pages is what the process had at the instant (used up); from,
 * what it inherited at the fork that made it: NULL, if nothing is known of that.  NULL after one line on stderr.
 */
struct heap_process *heap_process_load(const char *path, const struct heap_instant *instant, struct heap_pages *pages,
                                       enum heap_extent extent, const struct heap_heritage *from, heap_step step,
                                       void *arg);
void heap_process_free(struct heap_process *p);

#endif
