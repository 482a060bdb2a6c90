/*
 * Where blocks were freed: for each thread a table of the latest frees, so
 * that a double free can be told with the stack of the first one.  The trace
 * itself has no call stacks of frees, which would double its cost per event.
 *
 * A table holds the latest FREE_SITES frees.  It outlives its thread, until
 * another thread takes it over.
 * Called by the malloc hooks after a free, and by report.c.
 */
#ifndef VMTRACE_FREE_SITES_H
#define VMTRACE_FREE_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "entry/hook.h"
#include "unwind/unwind.h"

#define FREE_SITES 8192u
#define FREE_STACK_BITS 21 /* of a site; the address in units of 16 bytes has the other 43 */
#define FREE_CALLERS 64u   /* a power of two */

/* A place in the program that frees, and its node (unwind_caller) under that generation. */
struct free_caller {
  uint64_t pc; /* 0: none */
  uint32_t node, generation;
};

struct free_sites {
  uint32_t count; /* sites written, modulo 2^32 */
  struct free_caller caller[FREE_CALLERS];
  uint64_t site[FREE_SITES];
  /* For free_sites.c. */
  struct free_sites *next;
  uint32_t busy;   /* atomic: belongs to a thread */
  uint32_t thread; /* stream number of that, or of the latest one */
  uint32_t credit; /* full walks left */
};

/* The slow half of free_sites_note. */
void free_sites_add(struct thread *t, const void *p, uintptr_t frame);

static inline struct free_caller *free_caller_of(struct free_sites *sites, uint64_t pc)
{
  return &sites->caller[pc / 8 % FREE_CALLERS];
}

static inline void free_sites_put(struct free_sites *sites, const void *p, uint32_t stack)
{
  uint64_t site = (uint64_t)(uintptr_t)p << (FREE_STACK_BITS - 4) | stack; /* blocks are multiples of 16 */
  uint32_t count = sites->count;

  __atomic_store_n(&sites->site[count % FREE_SITES], site, __ATOMIC_RELAXED);
  __atomic_store_n(&sites->count, count + 1, __ATOMIC_RELAXED);
}

/* The calling thread t has freed p in the hook whose frame is `frame`; its guard is held. */
HOT void free_sites_note(struct thread *t, const void *p, uintptr_t frame)
{
  uint64_t pc = ((const uint64_t *)frame)[1];
  struct free_sites *sites = t->frees;
  const struct free_caller *caller;

  /* Callers are known only once the stack is no longer walked at each free. */
  if (likely(sites)) {
    caller = free_caller_of(sites, pc);
    if (likely(caller->pc == pc) && likely(t->writer->pace) &&
        likely(caller->generation == __atomic_load_n(&unwind_generation, __ATOMIC_RELAXED))) {
      free_sites_put(sites, p, caller->node);
      return;
    }
  }
  if (t->unwind)
    free_sites_add(t, p, frame);
}

/* The call stack that freed addr in stream `thread` (VT_NO_THREAD: in any); 0: not known.  Any thread. */
uint32_t free_sites_find(uint64_t addr, uint32_t thread);

/* The thread t is gone. */
void free_sites_close(struct thread *t);
/* In the child: all tables are forgotten, as the call stacks in them are.  in_use: a hook may go on with its own. */
void free_sites_renew(struct thread *t, bool in_use);

#endif
