/*
 * Call stacks of events: the unwinder's life in a process and its threads.
 * Called by the hooks and by the process's and threads' start and end.
 */
#ifndef VMTRACE_STACKS_H
#define VMTRACE_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "entry/hook.h"
#include "unwind/unwind.h"

/*
 * The stack of the function that called the hook whose frame is `frame`; 0:
 * none.  The guard is held.  The hook's frame must be there until this returns:
 * this room is compiled without sibling calls.
 */
HOT uint32_t stack_of(struct thread *t, uintptr_t frame)
{
  return t->unwind ? unwind_capture(t->unwind, (const void *)frame) : 0;
}

/* Starts the unwinder, in the constructor, and starts with the calling thread t. */
void stacks_start(struct thread *t);
/* The calling thread t is new; libc may be asked (thread->internal is raised).  known: it is a thread of libc's. */
void stacks_open(struct thread *t, bool known);
void stacks_close(struct thread *t);

#endif
