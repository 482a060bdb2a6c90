/*
 * The life of the process: start, fork, end; and how this process is traced.
 *
 *   NEW --first hook--> STARTING --> PIN | NEXT | PASS
 *
 * PIN: the pinned heap.  NEXT: the program's own allocator, observed.  PASS:
 * a sanitizer owns malloc, and the program could not be started anew without this library (sanitizer.h); every hook
 * only calls on.
 * The first hook starts everything, which may be before any constructor ran.
 */
#ifndef VMTRACE_PROCESS_H
#define VMTRACE_PROCESS_H

#include <stdbool.h>

#include "base/thread.h"
#include "vmtrace/format.h"

enum process_mode { PROCESS_NEW, PROCESS_STARTING, PROCESS_PIN, PROCESS_NEXT, PROCESS_PASS };

enum process_mode process_mode(void);
/* Whether a trace was started in this image.  Records may be lost all the same (trace.h). */
bool process_is_traced(void);

/* Makes the calling thread known, and starts the process if that has not happened.  The thread's guard is free then.
 * Signals are blocked meanwhile; errno is kept. */
struct thread *process_know_thread(void);

/*
 * True in the child of vfork, or of another clone that shares memory: what is
 * written here is the parent's, whose trace must not end.  A child that a raw system call forked off is noticed here,
 * and given a trace of its own.
 */
bool process_is_borrowed(void);
/* The calling thread makes a child that may share its memory (vfork, clone): process_is_borrowed looks for it from now
 * on, by a system call. */
void process_lend(void);

/*
 * The image ends: last sample, EXIT or SIGNAL record, the header's end.  Once
 * for all that can be known; events that follow are still recorded.
 * detail: VT_EXIT_* with VT_ENDED_EXIT.  Does nothing in a borrowed process.
 */
void process_end(enum vt_ended how, int status, enum vt_exit_how detail);

/*
 * An address could not be kept by the rule: the header names the first reason, and the thread's stream has one record
 * for each (NONDET).  By any thread but the sampler's helper, anywhere: inside of hooks, nested ones too, under locks
 * of the heap, outside of hooks, before there is a trace.  Holds for forked children too.
 */
void process_note_nondet(enum vt_nondet reason, uint64_t addr);

/* A stream for the calling thread t; t->writer and t->number are set.  role: VT_ROLE_*. */
void process_open_stream(struct thread *t, uint32_t parent, enum vt_role role);

/* Around a fork, in the forking thread.  Between the two signals are blocked and every lock of the library is held, or,
 * in a handler in the middle of a hook, none. */
void process_before_fork(void);
void process_after_fork(bool child);

#endif
