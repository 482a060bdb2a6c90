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

/* A thread that somebody is about to join.  Its record may be freed, and serve another thread, at any time: it is what
 * threads_find found only as long as it was entered into the table at the same time. */
struct thread_found {
  struct thread *thread; /* NULL: not known (yet) */
  uint64_t entered;
};

/* The thread that pthread names now, before it is joined. */
struct thread_found threads_find(pthread_t pthread);
/* The kernel's id of a thread; 0: not known. */
int threads_tid(pthread_t pthread);
void threads_detach(pthread_t pthread);

/* The calling thread self has joined what had that pthread_t, which may name another thread by now; its record is
 * freed. found: what threads_find said before. */
void threads_joined(struct thread *self, pthread_t pthread, struct thread_found found);

/* Calls see for each thread of the table, which cannot change meanwhile: see may take no lock. */
void threads_visit(void (*see)(struct thread *t, void *arg), void *arg);

/* Waits until every other thread has left the hook that it is in, or for 100 ms: one may be waiting for the caller.
 * What the caller has written before is seen by every hook that begins later.  Within a hook, without a lock. */
void threads_wait_for_hooks(void);

/* In the child of a fork every thread but self is forgotten.  torn: what the table says of them may be half-done. */
void threads_renew(struct thread *self, bool torn);

#endif
