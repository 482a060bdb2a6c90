/*
 * What the helper may do: as little as possible, and never more than the
 * program.  libc carries out setuid and the like in every thread that it
 * knows; the helper is not among them and follows by itself.
 */
#ifndef VMTRACE_PRIVILEGES_H
#define VMTRACE_PRIVILEGES_H

/* Called once in the helper, when its files are open: gives up all capabilities but those that following needs, and
 * these too where the program has none of them (then there is nothing to follow). */
void privileges_reduce(void);
/* Called in the helper at every tick: when the user or the groups of the program's first thread have changed, takes
 * them over and gives up what is left. */
void privileges_follow(void);

#endif
