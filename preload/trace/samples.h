/*
 * Samples of page frames in the trace: what entry/ asks of the sampler.  The
 * sampler's findings become records of a stream of its own.
 *
 * Nothing here fails towards the caller, allocates from the heap or changes errno.
 */
#ifndef VMTRACE_SAMPLES_H
#define VMTRACE_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "vmtrace/format.h"

struct options;

/* Whether there can be samples at all: not under valgrind, which allows no thread that libc did not make. */
bool samples_possible(void);

/*
 * Opens the stream and starts the helper; after trace_start, by one thread.
 * Also after samples_stop (the stream goes on) and in the child of a fork after samples_renew (a new
 * stream in the child's trace).  back: the helper was away for a moment, and comes back.  False: no helper;
 * samples_take still works.
 */
bool samples_start(const struct options *options, bool back);
/* Ends the helper, so that the process is single-threaded again if the program is; waits until it is gone. */
void samples_stop(void);
/* Whether the helper has ended by itself, because the program has other privileges than it, or is about to. */
bool samples_left(void);
/* Whether it has capabilities: then it must be stopped before the program gives up any of its own. */
bool samples_privileged(void);

/* Takes a sample, done on return; at most limit_ns of CPU time (exit, exec). */
void samples_take(enum vt_sample_reason reason, uint64_t limit_ns);
/* Has one taken soon, without waiting (fork). */
void samples_poke(enum vt_sample_reason reason);

/* In the child of a fork. */
void samples_renew(void);

/*
 * Has fn called at every tick (not with VMTRACE_SAMPLE_MS=0), in the helper:
 * no thread to libc, without thread-local state; it must not wait for the
 * sampler.  For housekeeping such as heap_trim.  NULL: nothing.
 */
void samples_on_tick(void (*fn)(uint64_t now_ns));

#endif
