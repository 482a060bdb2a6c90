/*
 * What a program may say to vmtrace while it is being traced.  Both functions
 * are weak: without the library they are NULL, and the macros do nothing.
 *
 * A program that wants them includes this file, and is linked with nothing.
 */
#ifndef VMTRACE_H
#define VMTRACE_H

#ifdef __cplusplus
extern "C" {
#endif

/* A named place in the calling thread's stream of events.  At most 8192 bytes of name count.  Not in a signal handler.
 */
void vmtrace_mark(const char *name) __attribute__((weak));

/* A sample of page frames now; returns when it is taken.  Not in a signal handler. */
void vmtrace_snapshot(void) __attribute__((weak));

#define VMTRACE_MARK(name) (vmtrace_mark ? vmtrace_mark(name) : (void)0)
#define VMTRACE_SNAPSHOT() (vmtrace_snapshot ? vmtrace_snapshot() : (void)0)

#ifdef __cplusplus
}
#endif

#endif
