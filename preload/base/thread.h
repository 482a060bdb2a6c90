/*
 * Per-thread state: what the first instruction of every hook needs.  The
 * rooms above hang their own parts here; base only keeps the pointer.
 *
 * A thread that has not been seen yet points at thread_none, whose heap is
 * empty and whose writer is full, so that the fast paths test nothing and end
 * in their slow halves, where entry/ makes the thread known.
 */
#ifndef VMTRACE_THREAD_H
#define VMTRACE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"

struct filter;
struct free_sites;
struct heap;
struct trace_writer;
struct unwind_thread;

struct thread {
  void *guard;                  /* entry: frame of the hook that is running in this thread; NULL: none */
  struct heap *heap;            /* the thread's pinned heap; never NULL */
  struct trace_writer *writer;  /* the thread's event stream; never NULL */
  struct unwind_thread *unwind; /* call stacks; NULL: none are taken */
  struct free_sites *frees;     /* entry: who freed what lately; NULL: nothing was kept yet */
  uint32_t number;              /* the thread's stream number in the trace; VT_NO_THREAD: none yet */
  uint32_t internal;            /* > 0: libc is working for itself (pthread_create); served apart, not recorded */
  uint32_t children;            /* threads created so far: the next one's ordinal is children + 1 */
  int tid;
  struct thread *parent; /* who created it, NULL for the first and for adopted threads; may be gone */
  struct thread *next;   /* entry: list of all threads */
  struct thread *ending,
      **ending_at;        /* entry: list of those that ended and may not be gone yet; and this one's place */
  void *pending;          /* entry: what a signal handler did in the middle of a hook */
  void *(*start)(void *); /* entry: the program's start routine and its argument */
  void *start_arg;
  const void *given;           /* entry: the latest block of the next allocator that was recorded */
  const void *freeing;         /* entry: a block whose free is recorded already, while the next allocator frees it */
  uint64_t pthread;            /* entry: pthread_t, to find it again in pthread_join */
  uint64_t entered;            /* entry: so many were entered into the table before it, and it; no two are alike */
  uint32_t ordinal;            /* which of its parent's threads this is, from 1 */
  const struct filter *filter; /* entry: seccomp filters that its creator had */
  uint32_t flags;              /* entry */
  uint32_t polled;             /* entry: it joined, or failed to, when time decided which */
  uint32_t creation;           /* entry: THREAD_CREATING and so on; under the table's lock */
  uint32_t fork;               /* entry: FORK_* */
  uint64_t fork_mask;          /* entry: the signals that were blocked before the fork */
  void *exec_memory;           /* entry: for the environments of programs that it starts */
  size_t exec_size;
  int exec_user;   /* entry: the process that uses it, or did until it became another program */
  uint32_t nondet; /* entry, atomic: reasons that its stream tells, bits 1 << VT_NONDET_* */
  uint64_t lost;   /* entry, atomic: events of handlers that its stream has yet to tell of */
};

/* Defined by entry/, the only room that may name heap_none and trace_none in one initialiser: it starts as
 * &thread_none. */
extern __thread struct thread *thread_current __attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline struct thread *thread_self(void)
{
  return thread_current;
}

#endif
