/*
 * Who is inside libunwind.  It has a lock; a fork while another
 * thread holds one would leave it taken in the child for ever.  So a fork waits until nobody is inside,
 * and who comes meanwhile waits for the fork.
 */
#ifndef VMTRACE_LIBUNWIND_GATE_H
#define VMTRACE_LIBUNWIND_GATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Before the calling thread calls libunwind: blocks its signals (a handler could
 * fork, or leave by longjmp) and keeps its mask in *mask.  False: not now, or in this process never (it was forked by
 * a raw system call from the middle of libunwind); nothing is to be undone.
 */
bool libunwind_enter(uint64_t *mask);
void libunwind_leave(uint64_t mask);

void libunwind_before_fork(void);
void libunwind_after_fork(bool child);

#endif
