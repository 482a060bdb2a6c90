/*
 * Addresses that the rule did not keep: the header's word on them, and in each
 * stream concerned one NONDET record per reason.  process_note_nondet
 * (process.h) is how all rooms report one.
 */
#ifndef VMTRACE_NONDET_H
#define VMTRACE_NONDET_H

#include "base/thread.h"

/* A new trace, whose first stream will be t's: what was reported so far, in this process or the one that it was forked
 * from, holds for it.  Before nondet_open_stream. */
void nondet_open_trace(struct thread *t);
/* Writes into t's new stream what is known of t.  By t itself, which runs no hook. */
void nondet_open_stream(struct thread *t);
/* What was reported while the calling thread was not known yet is t's. */
void nondet_claim(struct thread *t);

#endif
