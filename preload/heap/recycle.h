/*
 * Using blocks again that other threads freed.  By the rule they are gone for
 * ever, and their pages are given back; but where they lie between live blocks the pages stay, and a
 * program whose threads free each other's blocks in no order would grow to several times
 * of what it uses.  Once too much is lost in that way, each heap takes its own gone blocks back: from
 * then on addresses depend on the other threads, which is reported (VT_NONDET_RECYCLED).
 */
#ifndef VMTRACE_RECYCLE_H
#define VMTRACE_RECYCLE_H

#include "heap/arena.h"

extern uint32_t recycle_state __attribute__((visibility("hidden")));

/*
 * From RECYCLE_NEAR on frees are recorded before they are done; one sweep later, when those under way
 * have long been recorded too, blocks are taken back.
 */
enum { RECYCLE_OFF = 0, RECYCLE_NEAR, RECYCLE_ON };

static inline bool recycle_is_on(void)
{
  return __atomic_load_n(&recycle_state, __ATOMIC_RELAXED) == RECYCLE_ON;
}

/* What a sweep of all heaps found on pages that could not be given back: bytes of gone blocks, and of those in use. */
void recycle_judge(uint64_t lost, uint64_t used);

/* Whether so many bytes lost are worth a judgement. */
bool recycle_is_waste(uint64_t lost);

/* An address is used again against the rule: reported once. */
void recycle_report(uint64_t addr);

/* Takes n blocks out of the run's count; false: the run is dead, and another thread may be burying it. */
bool recycle_claim(struct run *run, unsigned n, unsigned total);

/* Takes back gone blocks of a few of the heap's segments, until some of that class are available.  The owner, under the
 * region's lock. */
void recycle_for(struct arena *arena, unsigned class);

#endif
