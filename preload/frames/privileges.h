/*
 * What the helper may do: never more than the program.  It is made by a thread
 * of the program and has what that one has; only the effective capabilities are given up, when its files are open.
 *
 * The permitted ones stay: while the helper has them, a process that has fewer cannot get at its descriptors, no more
 * than it can at the program's.  So the helper is not to outlive a change of the program's credentials: those
 * that are made through libc end it first (entry/), others are noticed at the next tick.
 */
#ifndef VMTRACE_PRIVILEGES_H
#define VMTRACE_PRIVILEGES_H

#include <stdbool.h>

/* Called once in the helper, when its files are open. */
void privileges_reduce(void);
/* Called in the helper at ticks: whether user, groups or capabilities of the program's first thread are no longer what
 * the helper was made with. */
bool privileges_changed(void);
/* Called in any thread: whether the latest helper was made with capabilities, which can be given up. */
bool privileges_to_lose(void);

#endif
