/*
 * Where blocks were freed: for each thread a table of the latest frees, so
 * that a double free can be told with the stack of the first one.  The trace
 * itself has no call stacks of frees, which would double its cost per event.
 *
 * A table holds the latest 8,192 frees.  It outlives its thread, until
 * another thread takes it over.
 * Called by the malloc hooks after a free, and by report.c.
 */
#ifndef VMTRACE_FREE_SITES_H
#define VMTRACE_FREE_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "entry/hook.h"

/* The slow half of free_sites_note. */
void free_sites_add(struct thread *t, const void *p, uintptr_t frame);

/* The calling thread t has freed p in the hook whose frame is `frame`; its guard is held. */
HOT void free_sites_note(struct thread *t, const void *p, uintptr_t frame)
{
  if (t->unwind)
    free_sites_add(t, p, frame);
}

/* The call stack that freed addr in stream `thread` (VT_NO_THREAD: in any); 0: not known.  Any thread. */
uint32_t free_sites_find(uint64_t addr, uint32_t thread);

/* The thread t is gone. */
void free_sites_close(struct thread *t);
/* In the child: all tables are forgotten, as the call stacks in them are. */
void free_sites_after_fork(struct thread *t);

#endif
