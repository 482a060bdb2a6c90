/*
 * When the sampler's helper is there, and when it is not: it is a thread of the
 * process that the program did not make, with descriptors and privileges of its own, and steps aside where the
 * program would notice.
 *
 *   suspend, resume around calls for which the process must be single-threaded, or which change its privileges
 *   away            the program looks which threads it has; the helper comes back with an event some time later
 *
 * A thread under a seccomp filter starts none: the filter would judge what the helper does.
 */
#ifndef VMTRACE_SAMPLER_LIFE_H
#define VMTRACE_SAMPLER_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"

/* The process is set up and traced: there may be a helper from now on. */
void sampler_life_begin(void);
/* In the child of a fork, before anything else. */
void sampler_life_forget(void);

/* Ends the helper, and returns when it is gone; true: sampler_life_resume is to be called with that.  They nest, also
 * in several threads.  Neither changes errno.  Do nothing in a borrowed process. */
bool sampler_life_suspend(void);
void sampler_life_resume(bool paused);
/* The same for a call that may give up privileges; does nothing while the helper has none. */
bool sampler_life_suspend_privileged(void);

/* Ends the helper, and returns when it is gone.  It comes back with the first event that reads the clock after
 * for_ns, started by the thread that event is of; and never while directory is open, if it is not negative: that
 * descriptor is a listing of the threads.  Keeps errno. */
void sampler_life_away(uint64_t for_ns, int directory);

/*
 * The same where the program looks into a file: when it closes that descriptor (sampler_life_closed), the helper is
 * back at once.  A program that is idle but for such looks, as a server that watches its own size, may have no other
 * event.
 */
void sampler_life_away_until_closed(uint64_t for_ns, int fd);
void sampler_life_closed_slow(int fd);
extern int sampler_life_file __attribute__((visibility("hidden"))); /* atomic; -1: none is open */

/* The program has closed fd.  Keeps errno. */
static inline void sampler_life_closed(int fd)
{
  if (fd >= 0 && fd == __atomic_load_n(&sampler_life_file, __ATOMIC_RELAXED))
    sampler_life_closed_slow(fd);
}

/* At the end of a hook that was told so by the guard: the helper comes back, if it is time. */
void sampler_life_attend(struct thread *t);

#endif
