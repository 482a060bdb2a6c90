/*
 * The environment that children inherit: paths made absolute, and the id of
 * the trace that they descend from (VMTRACE_PARENT, 32 hexadecimal digits).
 *
 * Pointers in the program's environ are replaced by such to the library's own
 * memory; the program's strings are never written, and environ never grows.
 */
#ifndef VMTRACE_ENV_H
#define VMTRACE_ENV_H

#include <stddef.h>

#include "base/thread.h"

/* Gives VMTRACE_PARENT, if it is set, to trace_set_parent.  Works before libc's environ is set. */
void env_read_parent(void);

/* Makes LD_PRELOAD's entry for this library and VMTRACE_OUT absolute, in environ. */
void env_make_absolute(void);

/*
 * The environment for an exec or spawn by thread t out of this image: env with
 * VMTRACE_PARENT naming this image's trace.  It is env itself when the new program will not be traced by us, when this
 * one is not, when there is no memory, and when env leads into memory that cannot be read: the kernel says so then.
 *
 * What is made lies in memory of the library's own: the program's stack may be small, and its environment large.  It is
 * given back after the call failed; the child of a vfork whose exec succeeds leaves it to the thread that it shares
 * memory with, which uses it again.
 */
struct env_list {
  char *const *env;
  void *memory; /* NULL: nothing was made */
  size_t size;
};

void env_list_make(struct thread *t, char *const *env, struct env_list *list);
void env_list_release(struct thread *t, const struct env_list *list);
/* The thread has ended. */
void env_list_close(struct thread *t);

#endif
