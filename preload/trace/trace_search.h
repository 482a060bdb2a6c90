/*
 * Looks something up in the trace that this process is writing: who allocated
 * a block, and who freed it.  So the answer costs nothing until it is asked for, where a
 * memory per block would cost every allocation.
 *
 * For reports of errors: takes milliseconds, or up to seconds in a long trace.  Allocates
 * library memory only; writes nothing; other threads may go on tracing meanwhile.
 */
#ifndef VMTRACE_TRACE_SEARCH_H
#define VMTRACE_TRACE_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

struct trace_block {
  uint64_t addr, size; /* as the program asked for it */
  uint32_t stack;      /* that allocated or last resized it */
  uint32_t thread;     /* stream number of the thread that did, and its kernel id (0: not known) */
  int tid;
  bool freed; /* by the following */
  uint32_t free_thread;
  int free_tid;
  uint32_t free_stack; /* known only where realloc moved the block away */
};

/*
 * The latest block that began at addr; inside: that addr lies in.  0, -ENOENT: it is not in this trace, or
 * not in the latest SEARCH_MAX bytes of it; or another -errno.
 */
int trace_find_block(uint64_t addr, bool inside, struct trace_block *block);

#endif
