/*
 * The threads of the process: a table from pthread_t to struct thread, and
 * what is done at a thread's start, end and join.
 *
 * A thread is created by its parent's pthread_create, which also gives it its
 * heap; it ends in a thread-specific destructor that runs after the program's;
 * libc may still free in it after that, so heap and stream stay usable until
 * the thread is joined or, detached, is found to be gone.
 *
 * Called by the hooks of hook_thread.c and by the process's start and fork.
 */
#ifndef VMTRACE_THREADS_H
#define VMTRACE_THREADS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/thread.h"

/* A struct for the next thread that parent, the calling thread, creates; not in the table yet.  NULL: out of memory.
 * cancel undoes the latest one. */
struct thread *threads_new(struct thread *parent, bool detached);
void threads_cancel(struct thread *parent, struct thread *child);

/* Thread *pthread was made for child, by the calling thread.  From here on, or from its first moment on, it is in the
 * table.  child may be freed already afterwards. */
void threads_created(struct thread *child, const pthread_t *pthread);

/* The first thing that a new thread does: t is what threads_new made. */
void threads_begin(struct thread *t);

/* Enters the calling thread t into the table. */
void threads_add_self(struct thread *t);
/* The calling thread t wants to be told of its own end. */
void threads_watch_end(struct thread *t);

/* NULL: not known (yet).  Of several with that pthread_t, the one that is still to be joined. */
struct thread *threads_find(pthread_t pthread);
/* The kernel's id of a thread; 0: not known. */
int threads_tid(pthread_t pthread);
void threads_detach(pthread_t pthread);

/* child, which is gone, was joined by the calling thread self; child is freed. */
void threads_joined(struct thread *self, struct thread *child);

/* In the child of a fork every thread but self is forgotten.  torn: what the table says of them may be half-done. */
void threads_renew(struct thread *self, bool torn);

#endif
